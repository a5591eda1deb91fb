# Pushary's document, "Pagination".
curl "https://pushary.com/api/v1/server/subscribers?limit=50&cursor=abc123" \
-H "Authorization: Bearer pk_xxx.sk_xxx"
