"""States as bytes, and back: canonical, so that equal states have equal bytes.

A state is written as one row: format number, model hash, the fields every state has, then the
model's own in order. What time alone will drop (elements that left a window by the newest event) is
left out, and so is `due`, which follows from the rest. What makes bytes of the row is a `Form`,
which whoever compiles the machine may choose; JSON is what needs nothing but Python.

Every folded event has a state written, so the code that makes the row is generated for the model's
fields.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.machine.source import Source
from domain.machine.state import NEVER, SCALARS, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.machine.state import Field

FORMAT = 1
_HASH_DIGITS = 12
_HEAD = 2 + len(SCALARS) + 2
_text = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""One encoder for all states: to make one takes as long as to use it."""


class StateCodecError(ValueError):
    """Bytes are not a state of this model version."""

    code = "state_of_another_model"


class Form(NamedTuple):
    """How a row of plain values becomes bytes, the same for equal rows, and a row again.

    Attributes:
        pack: Returns the bytes of a row.
        unpack: Returns the row, a list; raises `ValueError` for bytes that hold nothing.
    """

    pack: Callable[[Sequence[object]], bytes]
    unpack: Callable[[bytes | str], object]


def as_json(row: Sequence[object]) -> bytes:
    """Return *row* as a JSON array, ASCII."""
    return _text(row).encode()


JSON = Form(as_json, json.loads)


class StateCodec:
    """Writes and reads the states of one model version."""

    def __init__(
        self, model_hash: str, fields: tuple[Field, ...], state_class: type[State], form: Form
    ) -> None:
        """Mark rows with *model_hash*; states read are of *state_class*."""
        self._hash = model_hash[:_HASH_DIGITS]
        self._width = _HEAD + len(fields)
        self._state_class = state_class
        self._pack, self._unpack = form
        run = _source(self._hash, fields).run()
        self._row: Callable[[State], Sequence[object]] = run["row"]
        self._fill: Callable[[State, Sequence[object]], None] = run["fill"]

    def encode(self, state: State) -> bytes:
        """Return the canonical bytes of *state*."""
        return self._pack(self._row(state))

    def decode(self, data: bytes | str) -> State:
        """Return the state that *data* holds.

        Raises:
            StateCodecError: They were not written by this model version.
        """
        try:
            row: Any = self._unpack(data)
        except ValueError as error:
            message = "state: expected an array of values, found other bytes"
            raise StateCodecError(message) from error
        if not isinstance(row, list) or len(row) != self._width:
            message = f"state: expected an array of {self._width} values"
            raise StateCodecError(message)
        if row[:2] != [FORMAT, self._hash]:
            message = f"state: expected format and model {FORMAT} {self._hash}, found {row[:2]}"
            raise StateCodecError(message)
        state = self._state_class()
        self._fill(state, row)
        state.barred = 0
        state.due = NEVER if state.stage < 0 else state.at
        return state


def _source(model_hash: str, fields: tuple[Field, ...]) -> Source:
    """Return functions that make a row of a state of *fields*, and that fill one from a row."""
    source = Source({"__builtins__": {}, "_held": _held, "_bisect": bisect_right})
    beside = _values_by_window(fields)
    of_all = [f"s.{name}" for name in (*SCALARS, "entries", "traits")]
    own = [_part(field, beside.get(field.name, field.name)) for field in fields]
    parts = [str(FORMAT), repr(model_hash), *of_all, *own]
    source.function("row", "s", ["last = s.last_at", f"return ({', '.join(parts)},)"])
    slots = ["_", "_", *of_all, *(f"s.{field.name}" for field in fields)]
    source.function("fill", "s, row", [f"{', '.join(slots)} = row"])
    return source


def _part(field: Field, window: str) -> str:
    """Return what is written of *field*; *window* holds when its elements leave."""
    own = f"s.{field.name}"
    if field.kind == "dict":
        return f"_held({own}, last) if {own} else {own}"
    if field.kind == "list":
        w = f"s.{window}"
        return f"{own}[_bisect({w}, last):] if {w} and {w}[0] <= last else {own}"
    return own


def _held(leaving_of: dict[str, int], last: int) -> dict[str, int]:
    """Return what time alone will not have dropped from a set of values by the newest event."""
    return {k: leaving for k, leaving in leaving_of.items() if leaving == 0 or leaving > last}


def _values_by_window(fields: tuple[Field, ...]) -> dict[str, str]:
    """Map each list of values to the window it runs beside: `v3` to `w3`."""
    windows = {field.name for field in fields if field.kind == "list" and field.name[0] == "w"}
    beside = {f"v{name[1:]}": name for name in windows}
    return {field.name: beside[field.name] for field in fields if field.name in beside}
