"""States as bytes, and back: canonical, so that equal states have equal bytes.

The format is a JSON array: format number, model hash, the fields every state has, then the model's
own in order. What time alone will drop (elements that left a window by the newest event) is left
out, and so is `due`, which follows from the rest.

Every folded event has a state written, so the code that writes is generated for the model's fields:
most of them are whole numbers, which need no encoder. It takes two thirds of the time of one.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from domain.machine.source import Source
from domain.machine.state import NEVER, SCALARS, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from domain.machine.state import Field

FORMAT = 1
_HASH_DIGITS = 12
_HEAD = 2 + len(SCALARS) + 2
_text = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""One encoder for all states: to make one takes as long as to use it."""


class StateCodecError(ValueError):
    """Bytes are not a state of this model version."""

    code = "state_of_another_model"


class StateCodec:
    """Writes and reads the states of one model version."""

    def __init__(
        self, model_hash: str, fields: tuple[Field, ...], state_class: type[State]
    ) -> None:
        """Mark bytes with *model_hash*; states read are of *state_class*."""
        self._hash = model_hash[:_HASH_DIGITS]
        self._width = _HEAD + len(fields)
        self._state_class = state_class
        run = _source(self._hash, fields).run()
        self._written: Callable[[State], str] = run["written"]
        self._fill: Callable[[State, Sequence[object]], None] = run["fill"]

    def encode(self, state: State) -> bytes:
        """Return the canonical bytes of *state*, ASCII."""
        return self._written(state).encode()

    def decode(self, data: bytes | str) -> State:
        """Return the state that *data* holds.

        Raises:
            StateCodecError: They were not written by this model version.
        """
        try:
            row: Any = json.loads(data)
        except ValueError as error:
            message = "state: expected a JSON array, found other bytes"
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
    """Return functions that write a state of *fields* as text, and that fill one from a row."""
    names = {"__builtins__": {}, "int": int, "str": str, "type": type}
    source = Source({**names, "_text": _text, "_held": _held, "_bisect": bisect_right})
    beside = _values_by_window(fields)
    of_all = [f"{{s.{name}}}" for name in SCALARS]
    own = [_part(field, beside.get(field.name, field.name)) for field in fields]
    traits = "{_text(s.traits) if s.traits else '{}'}"
    parts = [str(FORMAT), f'"{model_hash}"', *of_all, _numbers("s.entries"), traits, *own]
    source.function("written", "s", ["last = s.last_at", f"return f'''[{','.join(parts)}]'''"])
    slots = ["_", "_", *(f"s.{name}" for name in (*SCALARS, "entries", "traits"))]
    slots += [f"s.{field.name}" for field in fields]
    source.function("fill", "s, row", [f"{', '.join(slots)} = row"])
    return source


def _part(field: Field, window: str) -> str:
    """Return the piece of text that writes *field*; *window* holds when its elements leave."""
    own = f"s.{field.name}"
    if field.kind == "dict":
        return f"{{_text(_held({own}, last)) if {own} else '{{}}'}}"
    if field.kind == "list":
        w = f"s.{window}"
        return _numbers(f"{own}[_bisect({w}, last):] if {w} and {w}[0] <= last else {own}")
    return f"{{'null' if {own} is None else {own} if type({own}) is int else _text({own})}}"


def _numbers(expression: str) -> str:
    """Return the piece of text that writes a list of numbers: as Python does, without blanks."""
    return f"{{str({expression}).replace(' ', '')}}"


def _held(leaving_of: dict[str, int], last: int) -> dict[str, int]:
    """Return what time alone will not have dropped from a set of values by the newest event."""
    return {k: leaving for k, leaving in leaving_of.items() if leaving == 0 or leaving > last}


def _values_by_window(fields: tuple[Field, ...]) -> dict[str, str]:
    """Map each list of values to the window it runs beside: `v3` to `w3`."""
    windows = {field.name for field in fields if field.kind == "list" and field.name[0] == "w"}
    beside = {f"v{name[1:]}": name for name in windows}
    return {field.name: beside[field.name] for field in fields if field.name in beside}
