"""Over TLS the name of the URL is verified, though the connection goes to an address."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from service.webhooks.addresses import Address, parse_networks
from service.webhooks.sending import Message, Outcome, send
from service.webhooks.targets import Guard
from service.webhooks.transport import GuardedClient
from tests.webhooks.receiving import Receiver

pytestmark = pytest.mark.anyio

HERE = Guard(parse_networks(["127.0.0.0/8"]))
NAME = "good.example"


def certificate(folder: Path) -> Path:
    """Return a file with a key and a certificate for `NAME`, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "good.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return path


async def here(host: str, port: int) -> Sequence[Address]:
    """Return this machine, whatever the name."""
    del host, port
    return [ip_address("127.0.0.1")]


async def sent_to(name: str, trusted: ssl.SSLContext, served: ssl.SSLContext) -> Outcome:
    """Return what became of two messages to a server of TLS, by that name: of the second."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    async with server, GuardedClient(HERE, look_up=here, tls=trusted) as client:
        message = Message(f"https://{name}:{port}/hook", b"{}", {"webhook-id": "tr_1"})
        await send(client, message, timeout_seconds=60, now=0)
        outcome = await send(client, message, timeout_seconds=60, now=0)
        if outcome.verdict == "delivered":
            assert [one.headers["host"] for one in receiver.came] == [f"{name}:{port}"] * 2
            assert receiver.connections == 1
        await receiver.close()
    return outcome


@pytest.mark.parametrize(
    ("name", "voucher", "failure"),
    [
        (NAME, "itself", None),
        ("other.example", "itself", "tls_error"),
        (NAME, "nobody", "tls_error"),
    ],
    ids=["its own name", "another name", "nobody vouches"],
)
async def test_who_answers_proves_the_name(
    name: str, voucher: str, failure: str | None, tmp_path: Path
) -> None:
    pem = certificate(tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(pem)
    trusted = ssl.create_default_context(cafile=str(pem) if voucher == "itself" else None)

    outcome = await sent_to(name, trusted, served)

    assert outcome.failure == failure
    assert (outcome.verdict == "delivered") == (failure is None)
