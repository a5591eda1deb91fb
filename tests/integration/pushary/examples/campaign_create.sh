# Pushary's document, "Create Campaign".
curl -X POST https://pushary.com/api/v1/server/campaigns \
-H "Authorization: Bearer pk_xxx.sk_xxx" \
-H "Content-Type: application/json" \
-d '{
"name": "Product Launch",
"title": "New Feature Available!",
"body": "Check out our latest update",
"actionUrl": "https://example.com/new-feature"
}'
