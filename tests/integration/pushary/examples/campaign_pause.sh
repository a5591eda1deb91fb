# Pushary's document, "Pause Campaign".
curl -X POST https://pushary.com/api/v1/server/campaigns/camp_abc123/pause \
-H "Authorization: Bearer pk_xxx.sk_xxx"
