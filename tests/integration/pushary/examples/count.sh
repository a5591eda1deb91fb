# Pushary's document, "Get Subscriber Count".
curl https://pushary.com/api/v1/server/subscribers/count \
-H "Authorization: Bearer pk_xxx.sk_xxx"
