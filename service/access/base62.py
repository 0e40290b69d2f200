"""Digits and letters, which survive being copied from anywhere: what keys are written in."""

from __future__ import annotations

import zlib

CHECK_LENGTH = 6
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def base62(octets: bytes, length: int) -> str:
    """Return *length* digits; of each octet modulo 62, a bias of 0.4 bit in 190."""
    return "".join(_DIGITS[octet % len(_DIGITS)] for octet in octets[:length])


def check_of(text: str) -> str:
    """Return the CRC-32 of *text* in six digits."""
    number, digits = zlib.crc32(text.encode()), []
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
