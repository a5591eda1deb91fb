"""Whether this version can read what a state folder holds."""

from pathlib import Path

from dev.stack.failure import StackFailure
from dev.stack.places import Places

FORMAT = 6
"""Raised when stored records change so that those of before cannot be read: each request would fail on them."""


def check_format(state_dir: Path) -> None:
    """Note the format in a folder that is new. Raises StackFailure: it holds data in another format, or in none."""
    file = state_dir / "format"
    if not Places.kept(state_dir):
        file.write_text(f"{FORMAT}\n")
    elif not file.exists() or file.read_text().strip() != str(FORMAT):
        raise StackFailure(f"The data in {state_dir.name} is of an earlier version: `make reset` begins anew.")
