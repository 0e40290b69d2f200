"""Standings: where a subject is in each generation, as a working copy and as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from domain.events import Event
    from domain.lineage import Lineage
    from domain.machine import Machine, State
    from domain.transitions import Transition

_encode_states = msgspec.msgpack.Encoder().encode
_decode_states = msgspec.msgpack.Decoder(list[tuple[int, int, int, bytes]]).decode

Place: TypeAlias = tuple[int, int, int]
"""Where a state stands: order of the stage, since when, number of the newest transition."""


def place_of(state: State) -> Place:
    """Return where *state* stands."""
    return (state.stage, state.entered_at, state.sequence)


class Standing:
    """Where a subject stands in one generation.

    Attributes:
        number: Records written so far, retracted ones included.
        live: Records that hold.
        state: The state; None while only *encoded* is at hand.
        encoded: Its bytes; None while only *state* is at hand.
    """

    __slots__ = ("encoded", "live", "number", "state")

    def __init__(self, number: int = 0, live: int = 0, encoded: bytes | None = None) -> None:
        self.number = number
        self.live = live
        self.encoded = encoded
        self.state: State | None = None

    def state_by(self, machine: Machine) -> State:
        """Return the state, decoded at most once."""
        if self.state is None:
            self.state = machine.initial() if self.encoded is None else machine.decode(self.encoded)
        return self.state

    def bytes_by(self, machine: Machine) -> bytes:
        """Return the state's bytes, encoded at most once."""
        if self.encoded is None:
            self.encoded = machine.encode(self.state_by(machine))
        return self.encoded

    def carry_on(
        self, lineage: Lineage, events: Sequence[Event]
    ) -> tuple[Place, State, list[Transition]]:
        """Fold *events*; return where it stood before, the new state and what was recorded.

        The state itself is changed where its bytes are at hand: from those it is read again, should
        the fold fail half-way.
        """
        state = self.state_by(lineage.machine)
        before = place_of(state)
        if self.encoded is None:
            state, recorded = lineage.fold(events, state)
        else:
            self.state = None
            state, recorded = lineage.carry_on(events, state)
        self.becomes(state)
        return before, state, recorded

    def becomes(self, state: State) -> None:
        """Take *state* as the newest."""
        self.state = state
        self.encoded = None


def encode_standings(rows: Sequence[tuple[int, int, int, bytes]]) -> bytes:
    """Return standings as bytes: (generation, number, live, state) each."""
    return _encode_states(rows)


def with_standing(
    packed: bytes, kept: frozenset[int], standing: tuple[int, int, int, bytes]
) -> bytes:
    """Return *packed* with one standing more, and without those that are not *kept*."""
    others = [one for one in _decode_states(packed) if one[0] in kept and one[0] != standing[0]]
    return _encode_states([*others, standing])


def generations_in(packed: bytes) -> list[int]:
    """Return the generations that *packed* has standings in."""
    return [standing[0] for standing in _decode_states(packed)]


def decode_standings(packed: bytes) -> dict[int, Standing]:
    """Return the standings in *packed* by generation, their states not yet decoded."""
    return {
        generation: Standing(number, live, encoded)
        for generation, number, live, encoded in _decode_states(packed)
    }
