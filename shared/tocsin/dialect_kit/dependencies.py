"""What a route can ask for in its signature."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias, cast

from fastapi import Depends
from starlette.requests import Request

from tocsin.application.engine import Engine
from tocsin.dialect_kit.contract import Dialect
from tocsin.domain.tenancy import DialectName

Documents: TypeAlias = Callable[[DialectName, str], dict[str, Any] | None]
"""A dialect's OpenAPI document, by its name and the deployment's address; None where there is none."""


def _engine(request: Request) -> Engine:
    return cast(Engine, request.app.state.engine)


def _dialects(request: Request) -> Mapping[DialectName, Dialect]:
    return cast(Mapping[DialectName, Dialect], request.app.state.dialects)


def _documents(request: Request) -> Documents:
    return cast(Documents, request.app.state.documents)


EngineDependency = Annotated[Engine, Depends(_engine)]
DialectsDependency = Annotated[Mapping[DialectName, Dialect], Depends(_dialects)]
DocumentsDependency = Annotated[Documents, Depends(_documents)]
