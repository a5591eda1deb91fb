"""The event that API Gateway's HTTP API hands to a function."""

from collections.abc import Mapping
from typing import Any


def http_event(
    method: str,
    path: str,
    *,
    route_key: str = "$default",
    query: str = "",
    headers: Mapping[str, str] | None = None,
    source_ip: str = "127.0.0.1",
) -> dict[str, Any]:
    """Payload format 2.0 of a request without a body; `path` and `query` as they stand in the request line."""
    named = {name.lower(): value for name, value in (headers or {}).items()}
    host = named.setdefault("host", "localhost").partition(":")[0]
    return {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": named,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source_ip,
                "userAgent": named.get("user-agent", ""),
            },
            "requestId": "local",
            "routeKey": route_key,
            "stage": "$default",
            "time": "01/Jan/1970:00:00:00 +0000",
            "timeEpoch": 0,
        },
        "isBase64Encoded": False,
    }
