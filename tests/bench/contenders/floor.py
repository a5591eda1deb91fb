"""The floor through `cryptography`: a P-256 key pair and an ECDH with it for each message, and nothing else."""

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from tests.bench.contenders.stopwatch import Stopwatch

task = json.loads(Path(sys.argv[1]).read_text())
curve = ec.SECP256R1()
peer = ec.generate_private_key(curve).public_key()


def agree(messages: int) -> None:
    for _ in range(messages):
        ec.generate_private_key(curve).exchange(ec.ECDH(), peer)


agree(task["messages"] // 10)
watch = Stopwatch()
agree(task["messages"])
watch.stop(task["messages"], task["result"])
