# Pushary's document, "Get Flow".
curl https://pushary.com/api/v1/server/flows/flow_abc123 \
-H "Authorization: Bearer pk_xxx.sk_xxx"
