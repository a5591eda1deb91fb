"""Finding the dialects: every folder of tocsin.dialects that holds a dialect.py."""

import importlib
import importlib.util
import pkgutil
from types import ModuleType

import tocsin.dialects
from tocsin.dialect_kit.contract import Capability, Dialect
from tocsin.domain.tenancy import DialectName


def dialects() -> dict[DialectName, Dialect]:
    """Every dialect by its name."""
    found = [_dialect(module.name) for module in pkgutil.iter_modules(tocsin.dialects.__path__) if module.ispkg]
    return {dialect.name: dialect for dialect in found}


def routes(dialect: Dialect, capability: Capability) -> ModuleType | None:
    """The module with a dialect's routes for a capability, imported only now; None when it has none."""
    name = f"{tocsin.dialects.__name__}.{dialect.name}.{capability}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def _dialect(package: str) -> Dialect:
    module = importlib.import_module(f"{tocsin.dialects.__name__}.{package}.dialect")
    dialect: Dialect = module.DIALECT
    return dialect
