"""`pywebpush.webpush_async()` at its best: one shared session, a key that was read once, 100 at a time."""

import asyncio
import json
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
from py_vapid import Vapid
from pywebpush import webpush_async

from tests.bench.contenders.stopwatch import Stopwatch

task = json.loads(Path(sys.argv[1]).read_text())
key = Vapid.from_string(task["private_key"])


async def push(subscriptions: list[dict[str, object]], session: aiohttp.ClientSession) -> None:
    async def work(left: Iterator[dict[str, object]]) -> None:
        for subscription in left:
            await webpush_async(
                subscription,
                data=task["text"],
                vapid_private_key=key,
                vapid_claims={"sub": task["subject"]},
                ttl=task["ttl"],
                aiohttp_session=session,
            )

    left = iter(subscriptions)
    await asyncio.gather(*(work(left) for _ in range(task["concurrency"])))


async def main() -> None:
    tls = ssl.create_default_context(cafile=task["certificate"])
    connector = aiohttp.TCPConnector(limit=task["concurrency"], ssl=tls)
    async with aiohttp.ClientSession(connector=connector) as session:
        await push(task["warm_up"], session)
        watch = Stopwatch()
        await push(task["subscriptions"], session)
        watch.stop(len(task["subscriptions"]), task["result"])


asyncio.run(main())
