"""Exporting an app into a folder: its settings, its subscriptions a line each, and its private keys if asked for."""

import json
from pathlib import Path
from typing import Any

from dev.move.api import OperatorApi, Refusal
from dev.move.failure import MoveFailure
from dev.move.kept import private, remember, remembered
from dev.move.progress import Progress

SETTINGS, SUBSCRIPTIONS, KEYS, STATE = "app.json", "subscriptions.jsonl", "vapid-keys.json", "export.json"


def move_out(api: OperatorApi, folder: Path, progress: Progress, *, private_keys: bool, anew: bool) -> str:
    """Export an app; what to tell at the end. Raises Refusal, MoveFailure."""
    folder.mkdir(parents=True, exist_ok=True)
    state = _state(api, folder, anew=anew)
    _write(folder / SETTINGS, api.call("GET", "").json)
    lines = _subscriptions(api, folder, state, progress)
    told = [f"Done: {lines:,} subscriptions are in {folder / SUBSCRIPTIONS}, the app's settings in {SETTINGS}."]
    if private_keys:
        _write(folder / KEYS, api.call("POST", "/export/vapid-keys").json)
        told.append(f"{KEYS} holds the private keys: whoever has it can send to all of them. Keep it as a password.")
    else:
        told.append("Without the private keys nobody can be reached from elsewhere: --private-keys writes them too.")
    return "\n".join(told)


def _state(api: OperatorApi, folder: Path, *, anew: bool) -> dict[str, Any]:
    """Where the last run ended, or the beginning."""
    begun = {"url": api.url, "app": api.app, "cursor": None, "bytes": 0, "lines": 0, "done": False}
    known = None if anew else remembered(folder / STATE)
    if known is None:
        if (folder / SUBSCRIPTIONS).exists() and not anew:
            raise MoveFailure(f"{folder / SUBSCRIPTIONS} is there already: name another folder, or --anew.")
        return begun
    if (known["url"], known["app"]) != (api.url, api.app):
        raise MoveFailure(f"{folder} holds the export of another app: name another folder, or --anew.")
    if known["done"]:
        raise MoveFailure(f"{folder} holds a whole export: name another folder, or --anew.")
    return known


def _subscriptions(api: OperatorApi, folder: Path, state: dict[str, Any], progress: Progress) -> int:
    with private(folder / SUBSCRIPTIONS).open("r+b") as file:
        # What was written after the state was noted comes again.
        file.truncate(state["bytes"])
        file.seek(state["bytes"])
        while not state["done"]:
            page = _page(api, state["cursor"])
            file.write(page.body)
            file.flush()
            state["cursor"] = page.headers.get("x-next-cursor")
            state["bytes"] += len(page.body)
            state["lines"] += page.body.count(b"\n")
            state["done"] = state["cursor"] is None
            remember(folder / STATE, state)
            progress.total = int(page.headers["x-total-count"])
            progress.tell(state["lines"])
    return int(state["lines"])


def _page(api: OperatorApi, cursor: str | None) -> Any:
    try:
        return api.call("GET", "/export", query=None if cursor is None else {"cursor": cursor})
    except Refusal as refusal:
        if refusal.status == 400 and cursor is not None:
            raise MoveFailure("This export was broken off more than a day ago: --anew begins it again.") from None
        raise


def _write(file: Path, content: Any) -> None:
    private(file).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
