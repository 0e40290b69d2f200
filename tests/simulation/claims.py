"""What clients were told, kept to be held against the log at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from projections.registers.erasure import ErasureMode

MARK = "zebediah"
"""Stands in every name, event id and trait of such persons, and nowhere else."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the service said of one event.

    Attributes:
        status: `accepted`, `duplicate` or `conflict`.
        position: Where it said the event is; None for a conflict.
        text: What was sent; None where the service made the event.
    """

    status: Literal["accepted", "duplicate", "conflict"]
    event_id: str
    position: int | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What the service said of one subject.

    Attributes:
        position: The log position that it said the answer has taken in.
        asked_at: The instant before the question.
        told_at: The instant after the answer.
        as_of: The instant that was asked for; None for the present.
        body: The answer.
    """

    kind: Literal["customer", "account"]
    position: int
    asked_at: int
    told_at: int
    as_of: int | None
    body: Mapping[str, Any]


@dataclass(slots=True)
class Forgotten:
    """What is known of whom the service was told to forget.

    Attributes:
        texts: Their events as they were sent and acknowledged, by position.
        erased_at: Position of the erasure; None where its answer was lost.
        is_named_again: Whether an event of theirs was sent again and is kept as refused.
    """

    name: str
    mode: ErasureMode
    texts: dict[int, str] = field(default_factory=dict)
    erased_at: int | None = None
    is_named_again: bool = False


@dataclass(slots=True)
class Ledger:
    """All that was said.

    Attributes:
        absent: Ids of events of which it was said that nothing was stored, and never sent again.
        followed: Positions of the log that a follower was given, in order.
        heard: Positions of the feed that a follower was given, in order.
        forgotten: Whom the service said that it has forgotten.
    """

    claims: list[Claim] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    followed: list[tuple[int, str]] = field(default_factory=list)
    heard: list[tuple[int, str, str]] = field(default_factory=list)
    forgotten: list[Forgotten] = field(default_factory=list)


def is_private(name: str) -> bool:
    """Tell whether *name*, or an id, is of a person who is to be forgotten."""
    return MARK in name
