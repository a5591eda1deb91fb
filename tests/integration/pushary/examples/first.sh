# Pushary's document, "Authentication".
curl -X GET https://pushary.com/api/v1/server/subscribers \
-H "Authorization: Bearer pk_abc123.sk_secret456"
