"""`pywebpush.webpush()` in a loop, as its README shows it."""

import json
import sys
from pathlib import Path

from pywebpush import webpush

from tests.bench.contenders.stopwatch import Stopwatch

task = json.loads(Path(sys.argv[1]).read_text())


def push(subscriptions: list[dict[str, object]]) -> None:
    for subscription in subscriptions:
        webpush(
            subscription,
            data=task["text"],
            vapid_private_key=task["private_key"],
            vapid_claims={"sub": task["subject"]},
            ttl=task["ttl"],
        )


push(task["warm_up"])
watch = Stopwatch()
push(task["subscriptions"])
watch.stop(len(task["subscriptions"]), task["result"])
