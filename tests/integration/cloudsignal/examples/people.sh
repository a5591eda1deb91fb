# CloudSignal's document, "Code examples".
# Send to specific users
curl -X POST https://api.cloudsignal.io/v2/push/send \
-H "Content-Type: application/json" \
-H "X-Secret-Key: $CLOUDSIGNAL_SECRET_KEY" \
-d '{
"title": "Password Reset",
"body": "Click to reset your password",
"target_user_emails": ["user@example.com"],
"urgency": "high"
}'
