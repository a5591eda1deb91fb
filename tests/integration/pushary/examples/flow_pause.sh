# Pushary's document, "Pause Flow".
curl -X POST https://pushary.com/api/v1/server/flows/flow_abc123/pause \
-H "Authorization: Bearer pk_xxx.sk_xxx"
