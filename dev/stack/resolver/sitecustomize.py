"""The name server of the local stack, for its functions: Python loads this module when it starts.

Only the names in LOCAL_NAMES (JSON: a list of addresses for each) are answered here; the product's own checks of what
it is told stay as they are.
"""

import json
import os
import socket
from typing import Any

_NAMES: dict[str, list[str]] = json.loads(os.environ.get("LOCAL_NAMES", "{}"))
_real = socket.getaddrinfo


def _getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
    if host not in _NAMES:
        return _real(host, port, *args, **options)
    return [found for address in _NAMES[host] for found in _real(address, port, *args, **options)]


socket.getaddrinfo = _getaddrinfo
