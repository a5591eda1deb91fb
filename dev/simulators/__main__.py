"""Run the simulators until interrupted; prints one line of JSON with every address when they are ready."""

import argparse
import json
import signal
import sqlite3
import sys
import threading
from pathlib import Path

from dev.simulators.forwarding import forward
from dev.simulators.server import Simulators


def main() -> None:
    """Read the options, serve, and stop on SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m dev.simulators", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="directory for the test CA and all state")
    parser.add_argument("--port", type=int, default=0, help="control API; 0 takes a free port")
    parser.add_argument("--proxy-port", type=int, default=0, help="egress proxy; 0 takes a free port")
    parser.add_argument("--firefox-port", type=int, default=0, help="WebSocket for a real Firefox; 0 takes a free port")
    parser.add_argument(
        "--forward-unknown",
        action="store_true",
        help="pass messages for real subscriptions on to the real push service",
    )
    options = parser.parse_args()
    simulators = Simulators(
        options.state,
        control_port=options.port,
        proxy_port=options.proxy_port,
        firefox_port=options.firefox_port,
        forward=forward if options.forward_unknown else None,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        simulators.start()
    except (OSError, ValueError, sqlite3.Error) as error:
        sys.exit(f"The push service simulators cannot start: {error}")
    addresses = {
        "control_url": simulators.control_url,
        "proxy_url": simulators.proxy_url,
        "firefox_url": simulators.firefox_url,
        "chromium_switches": simulators.chromium_switches,
        "ca_bundle": str(simulators.ca_bundle),
    }
    print(json.dumps(addresses), flush=True)
    stop.wait()
    simulators.stop()


if __name__ == "__main__":
    main()
