"""The messages that carry what workers reported from where it is proved to where it is counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tocsin.application.jobs import VERSION, dump, load, number, text, well_formed
from tocsin.domain.engagement import Act, Sighting
from tocsin.domain.ids import AppId, SendId
from tocsin.domain.place_token import Place
from tocsin.webpush.origins import PushService


@dataclass(frozen=True, slots=True)
class Sighted:
    """Count what the workers of an app's recipients reported; their tokens are proved."""

    app: AppId
    sightings: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What several messages have reported of the recipients of one block. messages: which ones, by number."""

    app: AppId
    send: SendId
    number: int
    sightings: list[Sighting] = field(default_factory=list)
    messages: set[int] = field(default_factory=set)


def batches(jobs: Iterable[tuple[int, Sighted]]) -> Sequence[Batch]:
    """What many messages, each with its number, have to say of each block."""
    found: dict[tuple[AppId, SendId, int], Batch] = {}
    for message, job in jobs:
        for sighting in job.sightings:
            place = (job.app, sighting.send, sighting.block)
            batch = found.setdefault(place, Batch(*place))
            batch.sightings.append(sighting)
            batch.messages.add(message)
    return list(found.values())


def encode_sighted(job: Sighted) -> str:
    """The message body of the job (JSON, about 70 bytes for each sighting)."""
    rows = [[act, send, place.chunk, place.index, place.service, at] for act, send, place, at in job.sightings]
    return dump({"v": VERSION, "app": job.app, "seen": rows})


def decode_sighted(body: str) -> Sighted:
    """The job in a message body. Raises MalformedJob."""
    fields = load(body)
    with well_formed():
        return Sighted(AppId(text(fields["app"])), tuple(_sighting(*row) for row in fields["seen"]))


def _sighting(act: object, send: object, chunk: object, index: object, service: object, at: object) -> Sighting:
    place = Place(number(chunk), number(index), PushService(text(service)))
    return Sighting(Act(text(act)), SendId(text(send)), place, number(at))
