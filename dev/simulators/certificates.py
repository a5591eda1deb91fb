"""The test certificate authority behind the push services' real host names."""

import base64
import datetime as dt
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dev.simulators.hosts import SIMULATED

CA_LIFETIME = dt.timedelta(days=3650)
# Browsers and some TLS stacks refuse server certificates that live longer than 398 days.
SERVER_LIFETIME = dt.timedelta(days=397)


@dataclass(frozen=True, slots=True)
class Authority:
    """Files of the test CA in the state directory; `bundle` is what a sender has to trust."""

    bundle: Path
    key: Path
    server: Path


def prepare(state_dir: Path) -> Authority:
    """Load the CA of an earlier run or make one, and issue a fresh server certificate for every simulated host."""
    files = Authority(state_dir / "ca.pem", state_dir / "ca-key.pem", state_dir / "server.pem")
    certificate = x509.load_pem_x509_certificate(files.bundle.read_bytes()) if files.bundle.exists() else None
    if certificate is not None and files.key.exists() and _permitted(certificate) == _constraints():
        key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{files.key.name} is not an elliptic curve key: delete {files.bundle.name} and it")
    else:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _authority_certificate(key)
        _write_private(files.key, _pem(key))
        files.bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = _server_certificate(server_key, certificate, key)
    _write_private(files.server, _pem(server_key) + server.public_bytes(serialization.Encoding.PEM))
    return files


def server_context(files: Authority) -> ssl.SSLContext:
    """TLS 1.2 or later with the server certificate; ALPN offers HTTP/1.1 only."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.server)
    context.set_alpn_protocols(["http/1.1"])
    return context


def server_key_fingerprint(files: Authority) -> str:
    """Base64 of the SHA-256 of the server's public key (RFC 7469 section 2.4): what Chromium is told to trust."""
    certificate = x509.load_pem_x509_certificate(files.server.read_bytes())
    public = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(public).digest()).decode()


def _authority_certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tocsin push service simulators: test CA")])
    public = key.public_key()
    return (
        _builder(name, name, public, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(_constraints(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def _constraints() -> x509.NameConstraints:
    """Constrained to the simulated names, so that a leaked key of this CA can vouch for nothing else."""
    permitted = [x509.DNSName(pattern.removeprefix("*.")) for pattern in SIMULATED]
    return x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None)


def _permitted(certificate: x509.Certificate) -> x509.NameConstraints:
    """What an authority may vouch for: one from before a host was simulated has to be made anew."""
    return certificate.extensions.get_extension_for_class(x509.NameConstraints).value


def _server_certificate(
    key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tocsin push service simulators")])
    public = key.public_key()
    names = [x509.DNSName(pattern) for pattern in SIMULATED]
    return (
        _builder(name, issuer.subject, public, SERVER_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        # RFC 5280 section 4.2.1.1; Python 3.13 refuses a chain without it (VERIFY_X509_STRICT).
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, lifetime: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + lifetime)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
