"""Where the parts of one stack listen: chosen once, then kept in its state folder."""

import dataclasses
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Places:
    """Ports of 127.0.0.1.

    They outlive a restart because deployed things hold them: queue URLs carry the emulator's port, functions the
    proxy's, a Firefox profile the WebSocket's, and a site's list of origins the front's.
    """

    front: int
    emulator: int
    control: int
    proxy: int
    firefox: int

    @classmethod
    def of(cls, state_dir: Path, front: int) -> Self:
        """The remembered places, or new ones; `front` 0 takes the remembered or a free port."""
        file = state_dir / "places.json"
        if file.exists():
            known = cls(**json.loads(file.read_text()))
            places = dataclasses.replace(known, front=front or known.front)
        else:
            free, emulator, control, proxy, firefox = _free_ports(5)
            places = cls(front or free, emulator, control, proxy, firefox)
        file.write_text(json.dumps(dataclasses.asdict(places)))
        return places


def port_is_free(port: int) -> bool:
    """Whether `port` of 127.0.0.1 can be bound now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
