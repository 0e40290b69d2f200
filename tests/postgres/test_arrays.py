"""A column of values reaches the server as it was, whatever stands in it."""

from __future__ import annotations

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.adapters.postgres.arrays import array
from tests.postgres.telling import Operator

pytestmark = pytest.mark.anyio

TEXTS = ["", " ", "NULL", "null", '"', "\\", '\\"', "{a,b}", "a,b", "a\tb", "a\nb", "ä→🙂"]
AS_GENERATED = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
any_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


async def returned(operator: Operator, kind: str, column: list[object]) -> list[object]:
    """Return what the server makes of *column*."""
    found: list[object] = await operator.fetchval(f"SELECT $1::text::{kind}[]", array(column))
    return found


@pytest.mark.parametrize("column", [TEXTS, [*TEXTS, None], [None, "a"], [""], ["only"]])
async def test_texts_are_returned_as_they_were(operator: Operator, column: list[object]) -> None:
    assert await returned(operator, "text", column) == column


@pytest.mark.parametrize(
    "column", [[0], [1, -1, None, (1 << 63) - 1, -(1 << 63)], [None], [None, None]]
)
async def test_numbers_are_returned_as_they_were(operator: Operator, column: list[object]) -> None:
    assert await returned(operator, "bigint", column) == column


@pytest.mark.parametrize("column", [[b""], [b"\x00\xff\\", None, b'"{},'], [b"x"]])
async def test_bytes_are_returned_as_they_were(operator: Operator, column: list[object]) -> None:
    assert await returned(operator, "bytea", column) == column


@AS_GENERATED
@given(column=st.lists(st.none() | any_text, min_size=1))
async def test_any_texts_are_returned_as_they_were(
    operator: Operator, column: list[object]
) -> None:
    assert await returned(operator, "text", column) == column


async def test_a_text_that_cannot_be_stored_is_refused_and_never_cut_in_two(
    operator: Operator,
) -> None:
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await returned(operator, "text", ["a\0b", "c"])
