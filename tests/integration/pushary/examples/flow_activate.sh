# Pushary's document, "Activate Flow".
curl -X POST https://pushary.com/api/v1/server/flows/flow_abc123/activate \
-H "Authorization: Bearer pk_xxx.sk_xxx"
