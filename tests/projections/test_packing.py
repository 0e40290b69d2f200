"""Packed states are the states that were packed, whatever they hold and whoever wrote them."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.document import parse_model
from domain.machine import Machine, StateCodecError, compile_model
from projections.models.packing import PACKED, pack, unpack
from tests.builders import did, lifecycle, numbered

MODEL = parse_model(
    lifecycle(
        "lead customer",
        {"id": "bought", "from": "lead", "to": "customer", "on": "ordered"},
        signals={
            "orders": {"count": "ordered", "within": "30d"},
            "colours": {"distinct": "properties.colour", "on": "ordered", "within": "30d"},
        },
    )
)
IN_JSON, SHOP = compile_model(MODEL), compile_model(MODEL, PACKED)
HISTORY = numbered([did("ordered", 0, colour="blue"), did("ordered", 2, colour="red")])

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(values))
def test_any_row_of_json_values_is_read_as_it_was_packed(row: list[object]) -> None:
    assert unpack(pack([0, *row])) == [0, *row]


@pytest.mark.parametrize("odd", [2**64, -(2**63) - 1, "\ud800"], ids=ascii)
def test_what_msgpack_has_no_form_for_is_packed_all_the_same(odd: object) -> None:
    assert unpack(pack([1, {"plan": odd}])) == [1, {"plan": odd}]


def test_states_that_an_earlier_release_wrote_go_on_where_they_stood() -> None:
    before, _ = IN_JSON.fold(HISTORY)

    state = SHOP.decode(IN_JSON.encode(before))

    assert SHOP.encode(state) == SHOP.encode(SHOP.fold(HISTORY)[0])


def test_a_packed_state_takes_two_thirds_of_one_in_json_at_most() -> None:
    state, _ = SHOP.fold(HISTORY)

    assert 3 * len(SHOP.encode(state)) <= 2 * len(IN_JSON.encode(state))


@pytest.mark.parametrize("data", [b"", b"\xdc", b"\xff", b"\x90", b"{}", b"[1]", b"[", "[]"])
def test_other_bytes_are_refused(data: bytes | str) -> None:
    with pytest.raises(StateCodecError, match=r"^state: expected"):
        SHOP.decode(data)


def test_a_machine_packs_in_another_process_as_in_this() -> None:
    arrived: Machine = pickle.loads(pickle.dumps(SHOP))  # noqa: S301 - our own bytes

    assert arrived.encode(arrived.fold(HISTORY)[0]) == SHOP.encode(SHOP.fold(HISTORY)[0])
