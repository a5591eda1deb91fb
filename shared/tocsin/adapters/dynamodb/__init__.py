"""The stores, on DynamoDB's low-level client: one module a port, over keys, marshalling and database."""
