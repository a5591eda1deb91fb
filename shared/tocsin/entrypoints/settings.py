"""Settings: the only place that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


class MissingSetting(Exception):
    """A function needs a setting that its template does not give it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of a function; each function is given what it needs, and asking for more is an error."""

    environment: Mapping[str, str]

    @classmethod
    def from_environment(cls) -> "Settings":
        """The process's own."""
        return cls(os.environ)

    def required(self, name: str) -> str:
        """A setting that must be there. Raises MissingSetting."""
        value = self.environment.get(name, "")
        if not value:
            raise MissingSetting(f"this function has no setting {name}")
        return value

    def optional(self, name: str) -> str:
        """A setting, or the empty text."""
        return self.environment.get(name, "")
