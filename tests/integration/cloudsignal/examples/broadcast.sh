# CloudSignal's document, "Code examples".
# Broadcast to all
curl -X POST https://api.cloudsignal.io/v2/push/broadcast \
-H "Content-Type: application/json" \
-H "X-Secret-Key: $CLOUDSIGNAL_SECRET_KEY" \
-d '{
"title": "Maintenance Notice",
"body": "System maintenance at 2 AM UTC"
}'
