"""Where the parts of one stack listen: chosen once, then kept in its state folder."""

import dataclasses
import errno
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
NO_SUCH_ADDRESS = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}  # a machine without IPv6


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
        known = cls.remembered(state_dir)
        if known is not None:
            places = dataclasses.replace(known, front=front or known.front)
        else:
            free, emulator, control, proxy, firefox = _free_ports(5)
            places = cls(front or free, emulator, control, proxy, firefox)
        _file(state_dir).write_text(json.dumps(dataclasses.asdict(places)))
        return places

    @classmethod
    def remembered(cls, state_dir: Path) -> Self | None:
        """The places of the run at hand, or of the last one."""
        file = _file(state_dir)
        return cls(**json.loads(file.read_text())) if file.exists() else None

    @staticmethod
    def kept(state_dir: Path) -> bool:
        """Whether there was a run."""
        return _file(state_dir).exists()


def port_is_free(port: int) -> bool:
    """Whether nothing listens at `port` of localhost: 127.0.0.1, and ::1, which browsers try first."""
    return all(_can_bind(family, address, port) for family, address in LOOPBACKS)


def _can_bind(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno in NO_SUCH_ADDRESS
    return True


def _file(state_dir: Path) -> Path:
    return state_dir / "places.json"


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
