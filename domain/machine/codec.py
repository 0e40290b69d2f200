"""States as bytes, and back: canonical, so that equal states have equal bytes.

The format is a JSON array: format number, model hash, the fields every state has, then the model's
own in order. What time alone will drop (elements that left a window by the newest event) is left
out, and so is `due`, which follows from the rest.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from domain.machine.state import NEVER, SCALARS, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.machine.state import Field

_to_json = json.JSONEncoder(separators=(",", ":")).encode

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
        self, model_hash: str, fields: tuple[Field, ...], new: Callable[[], State]
    ) -> None:
        """Mark bytes with *model_hash*; *new* makes an empty state to fill."""
        self._hash = model_hash[:_HASH_DIGITS]
        self._fields = fields
        self._new = new
        self._names = (*SCALARS, "entries", "traits", *(field.name for field in fields))
        self._values_in = attrgetter(*self._names)
        self._values_of = _values_by_window(fields)
        self._passing = [
            (place, field)
            for place, field in enumerate(fields, start=_HEAD)
            if field.kind in {"dict", "list"}
        ]

    def encode(self, state: State) -> bytes:
        """Return the canonical bytes of *state*, ASCII."""
        row = [FORMAT, self._hash, *self._values_in(state)]
        for place, field in self._passing:
            if row[place]:
                row[place] = self._kept(state, field)
        return _text(row).encode()

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
        if not isinstance(row, list) or len(row) != _HEAD + len(self._fields):
            message = f"state: expected an array of {_HEAD + len(self._fields)} values"
            raise StateCodecError(message)
        if row[:2] != [FORMAT, self._hash]:
            message = f"state: expected format and model {FORMAT} {self._hash}, found {row[:2]}"
            raise StateCodecError(message)
        state = self._new()
        for name, value in zip(self._names, row[2:], strict=True):
            setattr(state, name, value)
        state.due = NEVER if state.stage < 0 else state.at
        return state

    def _kept(self, state: State, field: Field) -> object:
        """Return what time alone will not have dropped from a dict or list by the newest event."""
        value = getattr(state, field.name)
        if field.kind == "dict":
            last = state.last_at
            return {k: leaving for k, leaving in value.items() if leaving == 0 or leaving > last}
        window = getattr(state, self._values_of.get(field.name, field.name))
        return value[bisect_right(window, state.last_at) :]


def _values_by_window(fields: tuple[Field, ...]) -> dict[str, str]:
    """Map each list of values to the window it runs beside: `v3` to `w3`."""
    windows = {field.name for field in fields if field.kind == "list" and field.name[0] == "w"}
    beside = {f"v{name[1:]}": name for name in windows}
    return {field.name: beside[field.name] for field in fields if field.name in beside}
