# Pushary's document, "Delete Subscriber".
curl -X DELETE https://pushary.com/api/v1/server/subscribers/sub_abc123 \
-H "Authorization: Bearer pk_xxx.sk_xxx"
