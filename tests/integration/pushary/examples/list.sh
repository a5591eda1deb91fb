# Pushary's document, "List Subscribers".
curl "https://pushary.com/api/v1/server/subscribers?status=active&limit=50" \
-H "Authorization: Bearer pk_xxx.sk_xxx"
