# Pushary's document, "Get Template".
curl https://pushary.com/api/v1/server/templates/tmpl_abc123 \
-H "Authorization: Bearer pk_xxx.sk_xxx"
