# Pushary's document, "List Templates".
curl "https://pushary.com/api/v1/server/templates" \
-H "Authorization: Bearer pk_xxx.sk_xxx"
