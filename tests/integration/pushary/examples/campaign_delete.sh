# Pushary's document, "Delete Campaign".
curl -X DELETE https://pushary.com/api/v1/server/campaigns/camp_abc123 \
-H "Authorization: Bearer pk_xxx.sk_xxx"
