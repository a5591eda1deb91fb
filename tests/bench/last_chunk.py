"""A send to a great many of whose chunks all but one are done: what the worker meets that delivers the last one."""

from dataclasses import replace
from math import ceil

from tests.bench.deployment import Deployment
from tocsin.adapters.dynamodb import chunk_record
from tocsin.adapters.dynamodb.marshalling import to_attributes
from tocsin.application.jobs import DeliverChunk, Recipient, Route, encode_deliver
from tocsin.application.ports import Frozen
from tocsin.application.sending import digest_of
from tocsin.domain.chunk import CHUNK_SIZE, Chunk, Result, finished, opened
from tocsin.domain.ids import SendId

KEPT_UNTIL = 4_000_000_000


def left(deployment: Deployment, now: int) -> tuple[SendId, str]:
    """The send, and the message of its last chunk. now: Unix seconds, when its recipients were read."""
    send = deployment.found(deployment.send())
    chunks = 0
    for part, reach in enumerate(send.parts):
        of_part = ceil(reach / CHUNK_SIZE)
        deployment.sends.opened(send, part, of_part)
        chunks += of_part
    people = _first(deployment)
    ids = tuple(one.id for one in people)
    last = opened(send.app, send.id, 0, len(ids), digest_of(ids))
    deployment.chunks.freeze(send.app, send.id, 0, Frozen(ids, None))
    deployment.chunks.open(last)
    done = finished(replace(last, results=(Result.ACCEPTED,) * len(ids)))
    for number in range(1, chunks):
        _store(deployment, replace(done, number=number))
        deployment.sends.chunk_done(send.app, send.id)
    return send.id, encode_deliver(DeliverChunk(send.app, send.id, 0, last.digest, Route.of(send), now, people))


def _first(deployment: Deployment) -> tuple[Recipient, ...]:
    return tuple(deployment.subscriptions.walk(deployment.app.id, None, CHUNK_SIZE).recipients)


def _store(deployment: Deployment, chunk: Chunk) -> None:
    item = to_attributes(chunk_record.to_item(chunk, KEPT_UNTIL))
    deployment.cloud.answer("PutItem", {"TableName": "SendsTable", "Item": item})
