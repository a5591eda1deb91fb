# Pushary's document, "Targeting".
curl -X POST https://pushary.com/api/v1/server/send \
-H "Authorization: Bearer pk_xxx.sk_xxx" \
-H "Content-Type: application/json" \
-d '{
"title": "Welcome Back!",
"body": "We missed you",
"externalIds": ["user_123", "user_456"]
}'
