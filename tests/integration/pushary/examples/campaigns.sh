# Pushary's document, "List Campaigns".
curl "https://pushary.com/api/v1/server/campaigns?limit=20" \
-H "Authorization: Bearer pk_xxx.sk_xxx"
