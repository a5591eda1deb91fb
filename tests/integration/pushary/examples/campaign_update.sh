# Pushary's document, "Update Campaign".
curl -X PATCH https://pushary.com/api/v1/server/campaigns/camp_abc123 \
-H "Authorization: Bearer pk_xxx.sk_xxx" \
-H "Content-Type: application/json" \
-d '{
"title": "Updated Title",
"body": "Updated body text"
}'
