"""The bucket of a subject: the unit in which storage, folds and rebuilds are spread."""

from __future__ import annotations

import zlib

BUCKETS = 4096


def bucket_of(tenant: str, subject: str) -> int:
    """Return the bucket of *subject* as it was sent: crc32(tenant 0x1f subject) modulo 4096.

    Frozen for ever: rows are stored under it. Test vectors in `tests/domain/test_buckets.py`.
    """
    return zlib.crc32(f"{tenant}\x1f{subject}".encode()) & (BUCKETS - 1)
