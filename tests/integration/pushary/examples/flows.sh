# Pushary's document, "List Flows".
curl "https://pushary.com/api/v1/server/flows?status=active" \
-H "Authorization: Bearer pk_xxx.sk_xxx"
