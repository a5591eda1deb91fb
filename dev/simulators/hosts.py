"""Every host that is simulated: what the certificate authority vouches for, and where the egress proxy leads."""

from fnmatch import fnmatchcase

from dev.simulators.firebase import TOKEN_HOST
from dev.simulators.push_services import HOST_PATTERNS
from dev.simulators.receivers import ADDRESS, NAMES

SIMULATED = (*HOST_PATTERNS, TOKEN_HOST, *NAMES)
"""A pattern's star stands for one label (RFC 6125 section 6.4.3)."""


def is_simulated(host: str) -> bool:
    """Whether this host name is one of them, or the address of the receivers."""
    name = host.lower()
    return name == ADDRESS or any(
        fnmatchcase(name, pattern) and name.count(".") == pattern.count(".") for pattern in SIMULATED
    )
