"""What was asked for of late, in a table that has a bound: who asks again finds it, others go."""

from __future__ import annotations

from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(dict[Key, Value]):
    """A table of at most so many values; those that nobody asked for the longest leave first."""

    def __init__(self, at_most: int) -> None:
        """Hold none yet, and never more than *at_most*."""
        super().__init__()
        self._at_most = at_most

    def asked(self, key: Key) -> Value | None:
        """Return what is kept for *key*, behind all others from now on; None if nothing is."""
        found = self.pop(key, None)
        if found is not None:
            self[key] = found
        return found

    def keep(self, key: Key, value: Value) -> None:
        """Keep *value* behind all others; where there are too many, the first quarter leaves."""
        self.pop(key, None)
        self[key] = value
        if len(self) > self._at_most:
            for oldest in list(self)[: max(1, self._at_most // 4)]:
                del self[oldest]
