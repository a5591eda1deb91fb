"""What a route can ask for in its signature."""

from collections.abc import Mapping
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from tocsin.application.engine import Engine
from tocsin.dialect_kit.contract import Dialect
from tocsin.domain.tenancy import DialectName


def _engine(request: Request) -> Engine:
    return cast(Engine, request.app.state.engine)


def _dialects(request: Request) -> Mapping[DialectName, Dialect]:
    return cast(Mapping[DialectName, Dialect], request.app.state.dialects)


EngineDependency = Annotated[Engine, Depends(_engine)]
DialectsDependency = Annotated[Mapping[DialectName, Dialect], Depends(_dialects)]
