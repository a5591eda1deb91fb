# Pushary's document, "Create Template".
curl -X POST https://pushary.com/api/v1/server/templates \
-H "Authorization: Bearer pk_xxx.sk_xxx" \
-H "Content-Type: application/json" \
-d '{
"name": "Order Confirmation",
"title": "Order Confirmed!",
"body": "Your order #{{orderId}} has been confirmed",
"actionUrl": "https://example.com/orders/{{orderId}}"
}'
