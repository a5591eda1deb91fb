"""A note: what a person's inbox keeps of a send to them (BN-18, BN-19)."""

from dataclasses import dataclass

from tocsin.domain.ids import AppId, SendId


@dataclass(frozen=True, slots=True)
class Note:
    """person: the external id of whose inbox it is. created_at, read_at: Unix seconds; 0 until it is read."""

    app: AppId
    person: str
    send: SendId
    title: str
    body: str
    created_at: int
    read_at: int
