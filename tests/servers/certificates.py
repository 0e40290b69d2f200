"""Certificates for servers of tests: an authority, a broker on 127.0.0.1, and a client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_LASTING = timedelta(days=2)


def make_certificates(folder: Path) -> None:
    """Write `authority.pem`, and `broker.pem` and `client.pem` with their keys, into *folder*."""
    key = new_key(SECP256R1())
    authority = _certificate("authority", key, key, issuer="authority", is_authority=True)
    (folder / "authority.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    for name in ("broker", "client"):
        own = new_key(SECP256R1())
        certificate = _certificate(name, own, key, issuer="authority", is_authority=False)
        text = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.pem").write_bytes(text + certificate.public_bytes(Encoding.PEM))


def _certificate(
    name: str,
    key: EllipticCurvePrivateKey,
    signing: EllipticCurvePrivateKey,
    *,
    issuer: str,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LASTING)
        .not_valid_after(now + _LASTING)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(alternative, critical=False)
    )
    return made.sign(signing, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
