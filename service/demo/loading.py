"""The past of the demo goes into the log once, through the same door as everybody's events.

A note in the data folder says for which instant the past was told, and whether it is all there. A
load that was interrupted is told again for the same instant: ids are the same, so what is there
already is recognised.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.instants import MINUTE
from service.access.keys import DEFAULT_TENANT
from service.demo.life import Fact
from service.door.events import Origin
from service.services import Services

SOURCE = "demo"

_NOTE = "demo.json"
_EVENTS_AT_ONCE = 5_000

Told = Callable[[int, int], None]
"""Is told how many events are in, of how many."""


@dataclass(frozen=True, slots=True)
class Note:
    """What the data folder says of the demo.

    Attributes:
        began_at: The instant that the past is dated from.
        is_loaded: Whether all of it is in the log.
    """

    began_at: int
    is_loaded: bool

    @classmethod
    def read(cls, folder: Path, *, now: int) -> Note:
        """Return the note in *folder*; without a readable one, a new note for *now*."""
        try:
            found = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
            return cls(int(found["began_at"]), bool(found["is_loaded"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls(now - now % MINUTE, is_loaded=False)

    def write(self, folder: Path) -> None:
        """Keep the note in *folder*."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"began_at": self.began_at, "is_loaded": self.is_loaded})
        (folder / _NOTE).write_text(f"{text}\n", encoding="utf-8")


class DemoError(RuntimeError):
    """An invented event was refused: the demo and the door disagree."""


async def load(services: Services, facts: Sequence[Fact], told: Told) -> None:
    """Store *facts* as history, which nobody is notified of; those that are there stay as they are.

    Raises:
        DemoError: An event was refused.
    """
    # Life by life, so that each customer is folded once for all of it, not once a batch.
    lives = sorted(facts, key=lambda fact: fact.person.account_id or fact.person.id)
    for start in range(0, len(lives), _EVENTS_AT_ONCE):
        texts = [fact.text() for fact in lives[start : start + _EVENTS_AT_ONCE]]
        await send(services, texts, historical=True)
        told(start + len(texts), len(lives))


async def send(services: Services, texts: Sequence[str], *, historical: bool = False) -> None:
    """Offer events to the log.

    Raises:
        DemoError: One was refused.
    """
    origin = Origin(
        tenant=DEFAULT_TENANT,
        source=SOURCE,
        now=services.clock.now(),
        new_id=lambda: services.randomness.token(16).hex(),
        historical=historical,
    )
    for outcome in await services.intake.take(texts, origin):
        if outcome.status == "rejected":
            raise DemoError(f"event {outcome.event_id}: {outcome.faults}")
