# CloudSignal's document, "Send your first notification".
curl -X POST https://api.cloudsignal.io/v2/push/send \
-H "Content-Type: application/json" \
-H "X-Secret-Key: sk_your_secret_key" \
-d '{
"title": "Hello!",
"body": "This is your first push notification",
"target_all": true
}'
