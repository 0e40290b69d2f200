"""Subjects in memory: bounded, the newest kept; and their standings, one for each generation."""

from __future__ import annotations

import pytest

from projections.appending.append import World, append
from projections.asking import run
from projections.events.log import Submission
from projections.subjects import residents as module
from projections.subjects.residents import Residents
from projections.subjects.standings import decode_standings, encode_standings, with_standing
from service.adapters.memory.rows import MemoryRows
from tests.contract.saying import LATER, sent


def test_memory_holds_only_so_many_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, an append leaves no more than those and its own."""
    monkeypatch.setattr(module, "PROFILES_MAX", 8)
    monkeypatch.setattr(module, "NAMES_MAX", 20)
    rows, residents = MemoryRows(), Residents()

    for number in range(60):
        world = World(residents, (), LATER)
        run(append(world, [Submission([sent("e", "visited", 0, f"c{number}")])]), rows.answer)

    assert 0 < len(residents.profiles) <= 8 + 1
    assert 0 < len(residents.identities) <= 20 + 1
    assert len(residents.names) <= 20 + 1


def test_a_standing_takes_the_place_of_the_one_of_its_generation() -> None:
    packed = encode_standings([(1, 5, 5, b"one"), (2, 6, 6, b"two"), (3, 7, 7, b"three")])

    found = decode_standings(with_standing(packed, frozenset({2, 3}), (3, 8, 8, b"new")))

    assert {number: standing.number for number, standing in found.items()} == {2: 6, 3: 8}
