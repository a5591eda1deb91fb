# Pushary's document, "Send Notifications".
curl -X POST https://pushary.com/api/v1/server/send \
-H "Authorization: Bearer pk_xxx.sk_xxx" \
-H "Content-Type: application/json" \
-d '{
"title": "New Message",
"body": "You have a new notification",
"url": "https://example.com/messages"
}'
