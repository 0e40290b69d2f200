"""The bounds that the door puts on an event, and on the file that it comes in."""

from __future__ import annotations

from dataclasses import dataclass

from domain.instants import HOUR, MINUTE
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large an event may be, and how far its clock may be ahead of ours.

    Attributes:
        event_bytes_max: Length of the whole event, UTF-8.
        depth_max: Nesting, the event itself counting as 1.
        keys_max: Keys of one object.
        array_max: Elements of one array.
        string_bytes_max: Length of one string or key, UTF-8.
        id_length_max: Characters of an id, a type or a source.
        digits_max: Digits of an integer.
        ahead_warned: Microseconds ahead of our clock from which a time is accepted with a warning.
        ahead_max: Microseconds ahead of our clock beyond which a time is refused.
        parquet_bytes_max: Memory that unpacking a Parquet file may take.
    """

    event_bytes_max: int = 64 << 10
    depth_max: int = 8
    keys_max: int = 256
    array_max: int = 256
    string_bytes_max: int = 8 << 10
    id_length_max: int = 200
    digits_max: int = 400
    ahead_warned: int = 5 * MINUTE
    ahead_max: int = HOUR
    parquet_bytes_max: int = 1 << 30

    @classmethod
    def of(cls, settings: Settings) -> Bounds:
        """Return the bounds that *settings* ask for."""
        return cls(
            event_bytes_max=settings.event_bytes_max,
            depth_max=settings.json_depth_max,
            keys_max=settings.json_keys_max,
            array_max=settings.json_array_max,
            string_bytes_max=settings.json_string_bytes_max,
            parquet_bytes_max=settings.parquet_bytes_max,
        )
