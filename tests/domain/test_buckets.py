"""Buckets never change: rows are stored under them, and every process has to agree."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.buckets import BUCKETS, bucket_of

FROZEN = [
    ("default", "ann", 2403),
    ("default", "", 829),
    ("default", "customer-1", 497),
    ("default", "customer-2", 75),
    ("default", "anon:7f", 286),
    ("default", "株式会社", 1379),
    ("default", "zoë@example.com", 3473),
    ("acme", "ann", 293),
    ("", "ann", 948),
    ("default", "x" * 1_000, 3951),
]


@pytest.mark.parametrize(("tenant", "subject", "bucket"), FROZEN)
def test_a_bucket_is_frozen_for_ever(tenant: str, subject: str, bucket: int) -> None:
    assert bucket_of(tenant, subject) == bucket


@given(st.text(), st.text())
def test_a_bucket_is_the_crc32_of_tenant_and_subject(tenant: str, subject: str) -> None:
    expected = zlib.crc32(tenant.encode() + b"\x1f" + subject.encode()) % 4096

    assert bucket_of(tenant, subject) == expected


def test_there_are_4096_buckets_and_each_is_used() -> None:
    used = {bucket_of("default", f"customer-{number}") for number in range(60_000)}

    assert used == set(range(BUCKETS))
    assert BUCKETS == 4096
