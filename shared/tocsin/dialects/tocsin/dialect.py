"""Tocsin's own API in one place. It has no API keys: operators have theirs, browsers name their app."""

from tocsin.dialect_kit.contract import Dialect
from tocsin.dialects.tocsin.errors import render
from tocsin.domain.tenancy import DialectName

NAME = DialectName("tocsin")
DIALECT = Dialect(name=NAME, prefixes=("/",), keys={}, render=render)
