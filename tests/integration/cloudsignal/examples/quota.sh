# CloudSignal's document, "Code examples".
# Check quota
curl https://api.cloudsignal.io/v2/push/quota \
-H "X-Secret-Key: $CLOUDSIGNAL_SECRET_KEY"
