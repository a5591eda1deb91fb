# Pushary's document, "Send Campaign".
curl -X POST https://pushary.com/api/v1/server/campaigns/camp_abc123/send \
-H "Authorization: Bearer pk_xxx.sk_xxx"
