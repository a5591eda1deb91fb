"""The reference of each API: as OpenAPI for programs, as a page for people. Made of the code, when it is asked for."""

import json
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.dialect_kit.dependencies import DialectsDependency, DocumentsDependency, EngineDependency
from tocsin.dialect_kit.links import own_address
from tocsin.dialect_kit.pages import page
from tocsin.dialect_kit.static_files import static, web_file
from tocsin.dialects.tocsin import docs_page
from tocsin.domain.errors import Fault, Refused
from tocsin.domain.tenancy import DialectName

router = APIRouter()


@router.get("/openapi/{file}")
def openapi(file: str, request: Request, documents: DocumentsDependency, engine: EngineDependency) -> Response:
    """A dialect's document, `<dialect>.json`; any site may read it, as tools in browsers do."""
    name = file.removesuffix(".json")
    found = documents(DialectName(name), own_address(request, engine.public_url)) if name != file else None
    if found is None:
        raise _unknown()
    return static(request, json.dumps(found, ensure_ascii=False).encode(), "application/json", any_site=True)


@router.get("/docs")
def docs(documents: DocumentsDependency, known: DialectsDependency) -> Response:
    """Which references there are."""
    found: dict[str, dict[str, Any]] = {
        name: document for name in known if (document := documents(name, "")) is not None
    }
    return page("API reference", docs_page.index(found), style="docs.css")


@router.get("/")
@router.get("/docs/")
def to_docs() -> Response:
    """The host's bare address is what somebody new to it opens first: it leads to the references."""
    return RedirectResponse("/docs")


@router.get("/docs/{name}")
def reference(name: str, request: Request, documents: DocumentsDependency, engine: EngineDependency) -> Response:
    """A dialect's reference."""
    found = documents(DialectName(name), own_address(request, engine.public_url))
    if found is None:
        raise _unknown()
    return page(docs_page.title_of(found), docs_page.reference(name, found), style="docs.css")


@router.get("/docs.css")
def style(request: Request) -> Response:
    """How references look."""
    return static(request, web_file("docs.css"), "text/css; charset=utf-8")


def _unknown() -> Refused:
    return Refused(Fault.NOT_FOUND, "There is no such reference: see /docs")
