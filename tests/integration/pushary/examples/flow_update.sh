# Pushary's document, "Update Flow".
curl -X PATCH https://pushary.com/api/v1/server/flows/flow_abc123 \
-H "Authorization: Bearer pk_xxx.sk_xxx" \
-H "Content-Type: application/json" \
-d '{
"name": "Updated Welcome Series",
"status": "paused",
"steps": [
{
"stepType": "send_notification",
"config": {
"notification": {
"title": "New Welcome Message",
"body": "Updated content"
}
}
}
]
}'
