"""A Google service account: in whose name an app's messages to FCM are sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
"""Where its assertions are exchanged for access tokens; no other address is ever sent one."""
_BITS = range(2048, 4097)
_FORMS = {
    # It becomes a part of a URL's path: https://cloud.google.com/resource-manager/docs/creating-managing-projects
    "project_id": re.compile(r"[a-z][a-z0-9.:-]{4,61}[a-z0-9]", re.ASCII),
    "client_email": re.compile(r"[A-Za-z0-9._+-]{1,100}@[a-z0-9.-]{1,150}", re.ASCII),
    "private_key_id": re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII),
}


class InvalidServiceAccount(ValueError):
    """Not the file of a service account that FCM could be used with: what a member of it would have to be."""

    def __init__(self, member: str, rule: str) -> None:
        super().__init__(member, rule)
        self.member = member
        self.rule = rule


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """What is used of it. private_key: PKCS #8 in DER, which fits the 4,096 bytes that a vault seals."""

    project: str
    email: str
    key_id: str
    private_key: bytes = field(repr=False)


def parse_service_account(file: Mapping[str, str]) -> ServiceAccount:
    """Read what matters of the JSON file that Google's console gives out. Raises InvalidServiceAccount."""
    if file["type"] != "service_account":
        raise InvalidServiceAccount("type", 'must be "service_account"')
    if file["token_uri"] != TOKEN_URI:
        raise InvalidServiceAccount("token_uri", f"must be {TOKEN_URI}")
    for member, form in _FORMS.items():
        if not form.fullmatch(file[member]):
            raise InvalidServiceAccount(member, "is malformed")
    key = _private_key(file["private_key"])
    return ServiceAccount(file["project_id"], file["client_email"], file["private_key_id"], key)


def _private_key(pem: str) -> bytes:
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it wants a password
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size not in _BITS:
        rule = "must be an RSA key of 2048 to 4096 bits in PEM, without a password"
        raise InvalidServiceAccount("private_key", rule)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
