"""The lines that `make dev` prints for Keymaster work as they are pasted."""

import json
import os
import subprocess

from dev.stack import Stack


def test_the_printed_lines_get_a_token_and_send(deployed: Stack) -> None:
    lines = deployed.page.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("TOKEN="))
    pasted = "\n".join(lines[start : start + 2])
    environment = {"PATH": os.environ["PATH"]}  # without this machine's proxy settings: the address is its own
    done = subprocess.run(["sh", "-c", pasted], check=True, capture_output=True, text=True, env=environment)
    assert list(json.loads(done.stdout)) == ["notification_id"]
    known = deployed.dev["keymaster"]
    assert known["secret"] == f"{known['client_id']}:{known['client_secret']}"
    assert known["app_id"]
