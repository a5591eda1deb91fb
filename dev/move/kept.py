"""How far a move is, in a file beside what it reads or writes, so that the same command goes on after any end."""

import json
import os
from pathlib import Path
from typing import Any


def remember(file: Path, told: dict[str, Any]) -> None:
    """Write it so that it is there as a whole or not at all; for its owner only."""
    new = file.with_name(f"{file.name}.new")
    private(new).write_text(json.dumps(told))
    new.replace(file)


def remembered(file: Path) -> dict[str, Any] | None:
    """What was written last; None when there is nothing, or nothing that can be read."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def private(file: Path) -> Path:
    """The file, there and for its owner only: endpoints and keys are secrets."""
    os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
    file.chmod(0o600)
    return file
