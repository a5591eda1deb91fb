"""The operator's routes of imports: the subscriptions that another system kept, as lines of JSON."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field, model_validator
from starlette.requests import Request

from tocsin.application.importing import NewImport
from tocsin.application.lines import Told
from tocsin.dialect_kit.bodies import ExactModel, json_body
from tocsin.dialect_kit.dependencies import EngineDependency
from tocsin.dialect_kit.identifiers import parse, render
from tocsin.dialect_kit.times import iso
from tocsin.dialects.tocsin.callers import AppInPath, OperatorActor, operator
from tocsin.dialects.tocsin.moving import read_line
from tocsin.dialects.tocsin.vapid_keys import VapidRequest
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.importing import Import, ImportId, RefusedLine

router = APIRouter(prefix="/admin/apps/{app}/imports", dependencies=[operator])

MAX_LINES = 1000
MAX_BYTES = 1024 * 1024


class ImportRequest(ExactModel):
    """An import to be made. Exactly one of: vapid, a pair to bring along; vapid_key, the id of a key of the app.

    present: new subscriptions are made under the pair. keep_addresses: CloudSignal is to show e-mail addresses.
    total: how many lines there are.
    """

    vapid: VapidRequest | None = None
    vapid_key: Annotated[str, Field(max_length=64)] | None = None
    present: bool = False
    keep_addresses: bool = False
    total: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "ImportRequest":
        if (self.vapid is None) == (self.vapid_key is None):
            raise ValueError("must have exactly one of vapid, vapid_key")
        if self.present and self.vapid is None:
            raise ValueError("must have a pair in vapid where present is true")
        return self

    def to_new(self) -> NewImport:
        """The core's form."""
        pair = None if self.vapid is None else self.vapid.to_pair()
        return NewImport(pair, self.vapid_key, self.present, self.keep_addresses, self.total)


def _import_id(import_id: Annotated[str, Path()]) -> ImportId:
    parsed = parse("imp", import_id)
    if parsed is None:
        raise Refused(Fault.NOT_FOUND, "Import not found")
    return ImportId(parsed)


async def _lines(request: Request) -> Sequence[Told]:
    """The lines of a body. Raises Refused: BODY_TOO_LARGE."""
    body = await request.body()
    if len(body) > MAX_BYTES:
        raise Refused(Fault.BODY_TOO_LARGE, f"The body is larger than {MAX_BYTES // 1024} KiB")
    lines = body.removesuffix(b"\n").split(b"\n") if body else []
    if len(lines) > MAX_LINES:
        raise Refused(Fault.BODY_TOO_LARGE, f"The body has more than {MAX_LINES:,} lines")
    return [read_line(line) for line in lines]


ImportInPath = Annotated[ImportId, Depends(_import_id)]
Lines = Annotated[Sequence[Told], Depends(_lines)]
FirstLine = Annotated[int, Query(alias="from", ge=1, le=1_000_000_000)]


@router.post("", status_code=201)
def begin_import(
    app: AppInPath,
    body: Annotated[ImportRequest, json_body(ImportRequest)],
    actor: OperatorActor,
    engine: EngineDependency,
) -> dict[str, object]:
    """Make an import."""
    return _import(engine.importing.begin(engine.accounts.app(app), body.to_new(), actor))


@router.get("/{import_id}")
def get_import(app: AppInPath, import_id: ImportInPath, engine: EngineDependency) -> dict[str, object]:
    """How far an import is, and the first of the lines that were not taken."""
    return _import(engine.importing.get(app, import_id))


@router.post("/{import_id}/lines")
def take_lines(
    app: AppInPath, import_id: ImportInPath, engine: EngineDependency, lines: Lines, first: FirstLine = 1
) -> dict[str, object]:
    """Take lines of a file, of which `from` says where they begin; what was read before is passed over."""
    taken = engine.importing.take(engine.accounts.app(app), import_id, first, lines)
    return {
        "next": taken.next,
        "imported": taken.tally.imported,
        "updated": taken.tally.updated,
        "unchanged": taken.tally.unchanged,
        "refused": _refused(taken.refused),
    }


@router.post("/{import_id}/finish")
def finish_import(
    app: AppInPath, import_id: ImportInPath, actor: OperatorActor, engine: EngineDependency
) -> dict[str, object]:
    """End an import; it takes no lines any more."""
    return _import(engine.importing.finish(app, import_id, actor))


def _import(import_: Import) -> dict[str, object]:
    return {
        "id": render("imp", import_.id),
        "vapid_key": import_.vapid_key,
        "total": import_.total,
        "next": import_.next,
        "imported": import_.tally.imported,
        "updated": import_.tally.updated,
        "unchanged": import_.tally.unchanged,
        "refused": import_.tally.refused,
        "refused_lines": _refused(import_.refused),
        "started_at": iso(import_.started_at),
        "updated_at": iso(import_.updated_at),
        "finished_at": None if import_.finished_at is None else iso(import_.finished_at),
    }


def _refused(lines: Sequence[RefusedLine]) -> list[dict[str, object]]:
    return [{"line": line.number, "rule": line.rule} for line in lines]
