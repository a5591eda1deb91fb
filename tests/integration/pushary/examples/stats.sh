# Pushary's document, "Get Campaign Stats".
curl https://pushary.com/api/v1/server/campaigns/camp_abc123/stats \
-H "Authorization: Bearer pk_xxx.sk_xxx"
