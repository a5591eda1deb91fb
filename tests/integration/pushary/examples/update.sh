# Pushary's document, "Update Subscriber".
curl -X PATCH https://pushary.com/api/v1/server/subscribers/sub_abc123 \
-H "Authorization: Bearer pk_xxx.sk_xxx" \
-H "Content-Type: application/json" \
-d '{
"tags": ["premium", "early-access"],
"externalId": "user_456",
"customData": {"plan": "pro"}
}'
