# Pushary's document, "Create Flow".
curl -X POST https://pushary.com/api/v1/server/flows \
-H "Authorization: Bearer pk_xxx.sk_xxx" \
-H "Content-Type: application/json" \
-d '{
"name": "Welcome Series",
"description": "Onboard new subscribers",
"triggerType": "subscription",
"steps": [
{
"stepType": "send_notification",
"config": {
"notification": {
"title": "Welcome!",
"body": "Thanks for joining"
}
}
},
{
"stepType": "delay",
"config": {
"delay": {
"value": 1,
"unit": "days"
}
}
}
]
}'
