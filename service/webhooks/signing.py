"""Signatures of webhooks, as Standard Webhooks 1.0 writes them.

What is signed is `id.timestamp.body`. `v1` is HMAC-SHA256 under a secret that the receiver shares
(`whsec_`); `v1a` is Ed25519 under a key of ours, whose public half (`whpk_`) anybody may have.
While a secret is being changed every live one signs, so a receiver accepts the message with the
old one and with the new. Source: standardwebhooks/standard-webhooks, spec/standard-webhooks.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

SECRET_PREFIX = "whsec_"  # noqa: S105 -- how a secret begins, not one
PRIVATE_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"
SECRET_OCTETS_MIN = 24
SECRET_OCTETS_MAX = 64
_SEED_OCTETS = 32


class SecretError(ValueError):
    """A text that is no secret of ours."""


class Signer(Protocol):
    """Signs the octets of a message."""

    def sign(self, octets: bytes) -> str:
        """Return the signature with its scheme, such as `v1,K5oZ…`."""
        ...


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """A secret that we share with one receiver: scheme `v1`."""

    octets: bytes

    @classmethod
    def parse(cls, text: str) -> SharedSecret:
        """Return the secret that *text* writes.

        Raises:
            SecretError: It is not `whsec_` and the base64 of 24 to 64 octets.
        """
        octets = _octets(text, SECRET_PREFIX)
        if not SECRET_OCTETS_MIN <= len(octets) <= SECRET_OCTETS_MAX:
            message = f"expected {SECRET_OCTETS_MIN} to {SECRET_OCTETS_MAX} octets in base64"
            raise SecretError(f"{message}, found {len(octets)}")
        return cls(octets)

    @property
    def text(self) -> str:
        """The secret as the receiver enters it."""
        return SECRET_PREFIX + base64.b64encode(self.octets).decode()

    def sign(self, octets: bytes) -> str:
        """Return the signature of *octets*."""
        digest = hmac.digest(self.octets, octets, hashlib.sha256)
        return "v1," + base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair of ours: scheme `v1a`. Needs the extra `ed25519`."""

    seed: bytes

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Return the key that *text* writes: `whsk_` and the base64 of the seed and public key.

        Raises:
            SecretError: It is not one.
        """
        octets = _octets(text, PRIVATE_PREFIX)
        if len(octets) != 2 * _SEED_OCTETS:
            raise SecretError(f"expected {2 * _SEED_OCTETS} octets in base64, found {len(octets)}")
        key = cls(octets[:_SEED_OCTETS])
        if key.public_octets != octets[_SEED_OCTETS:]:
            raise SecretError("the public half does not belong to the private one")
        return key

    @property
    def text(self) -> str:
        """The whole key, for our eyes."""
        return PRIVATE_PREFIX + base64.b64encode(self.seed + self.public_octets).decode()

    @property
    def public(self) -> str:
        """The public half, for everybody."""
        return PUBLIC_PREFIX + base64.b64encode(self.public_octets).decode()

    @property
    def public_octets(self) -> bytes:
        """The public half as octets."""
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 -- an extra

        private = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
        return private.public_key().public_bytes_raw()

    def sign(self, octets: bytes) -> str:
        """Return the signature of *octets*."""
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 -- an extra

        private = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
        return "v1a," + base64.b64encode(private.sign(octets)).decode()


def headers_of(
    signers: Sequence[Signer], *, message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Return the three header fields of a message.

    Args:
        signers: Every one that is live; at least one.
        message_id: The same at every attempt; holds no full stop.
        timestamp: Of this attempt, in whole seconds since the epoch.
        body: Octets exactly as they are sent.
    """
    if "." in message_id:
        raise ValueError(f"expected no full stop in the id of a message, found {message_id!r}")
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(each.sign(signed) for each in signers),
    }


def _octets(text: str, prefix: str) -> bytes:
    if not text.startswith(prefix):
        raise SecretError(f"expected it to begin with {prefix}")
    try:
        return base64.b64decode(text.removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError):
        raise SecretError(f"expected base64 behind {prefix}") from None
