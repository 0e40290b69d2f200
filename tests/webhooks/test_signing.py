"""Signatures are those of the standard: its vectors, its library, and a secret being changed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service.webhooks.signing import SecretError, SharedSecret, Signer, SigningKey, headers_of

VECTORS = json.loads((Path(__file__).parent / "standard_webhooks_vectors.json").read_text())
OLD, NEW = SharedSecret(b"o" * 32), SharedSecret(b"n" * 32)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["scheme"])
def test_published_vectors_are_signed_as_published(vector: Mapping[str, str]) -> None:
    secret = vector["secret"]
    signer: Signer = (
        SharedSecret.parse(secret) if vector["scheme"] == "v1" else SigningKey.parse(secret)
    )

    headers = headers_of(
        [signer],
        message_id=vector["id"],
        timestamp=int(vector["timestamp"]),
        body=vector["body"].encode(),
    )

    assert headers["webhook-signature"] == vector["signature"]


def test_the_public_half_of_a_published_key_is_the_published_one() -> None:
    vector = next(each for each in VECTORS if each["scheme"] == "v1a")

    key = SigningKey.parse(vector["secret"])

    assert key.public == vector["public"]
    assert key.text == vector["secret"]


@pytest.mark.parametrize("known", [OLD, NEW], ids=["old secret", "new secret"])
def test_while_a_secret_is_changed_both_verify(known: SharedSecret) -> None:
    body = b'{"type":"customer.stage.changed"}'
    headers = headers_of([NEW, OLD], message_id="tr_1", timestamp=int(time.time()), body=body)

    verified = Webhook(known.text).verify(body, headers)

    assert verified == {"type": "customer.stage.changed"}


@pytest.mark.parametrize("part", ["body", "webhook-id", "webhook-timestamp"])
def test_whatever_is_changed_on_the_way_is_noticed(part: str) -> None:
    body, now = b"{}", int(time.time())
    headers = headers_of([NEW], message_id="tr_1", timestamp=now, body=body)
    changed = {"body": "{ }", "webhook-id": "tr_2", "webhook-timestamp": str(now - 1)}
    sent = changed["body"].encode() if part == "body" else body
    fields = headers if part == "body" else {**headers, part: changed[part]}

    with pytest.raises(WebhookVerificationError):
        Webhook(NEW.text).verify(sent, fields)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("whsk_" + base64.b64encode(b"x" * 32).decode(), "begin with whsec_"),
        ("whsec_not base64!", "base64 behind whsec_"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "found 23"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "found 65"),
    ],
)
def test_what_is_no_secret_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(SecretError, match=words):
        SharedSecret.parse(text)


def test_a_key_pair_whose_halves_do_not_belong_together_is_refused() -> None:
    octets = b"s" * 32 + SigningKey(b"t" * 32).public_octets

    with pytest.raises(SecretError, match="does not belong"):
        SigningKey.parse("whsk_" + base64.b64encode(octets).decode())


def test_an_id_with_a_full_stop_could_be_read_in_two_ways() -> None:
    with pytest.raises(ValueError, match="no full stop"):
        headers_of([NEW], message_id="a.1", timestamp=1, body=b"")
