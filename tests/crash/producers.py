"""Producers that post over HTTP to whichever process answers, again and again until one has."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import httpx

from domain.instants import format_instant
from service.adapters.system import SystemClock
from tests.builders import DAY
from tests.crash.fleet import Fleet

PAUSE_SECONDS = 0.02
UNKNOWN = frozenset({502, 503, 504})


@dataclass(slots=True)
class Ledger:
    """What producers were told.

    Attributes:
        sent: Text of every event that was ever sent, by its id.
        positions: Where the log said each acknowledged event is.
        doubts: How often an answer was missing or told to come again.
        wanted: How many events are to be acknowledged; producers pause when there are as many.
    """

    sent: dict[str, str] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    doubts: int = 0
    wanted: int = 0


class Producer:
    """One of several that post at the same time."""

    def __init__(self, name: str, fleet: Fleet, ledger: Ledger) -> None:
        self._name = name
        self._fleet = fleet
        self._ledger = ledger
        self._chance = random.Random(name)  # noqa: S311 -- the same events in every run
        self._made = 0
        self.is_done = False

    async def live(self) -> None:
        """Post until told that it is enough; the last batch is acknowledged too."""
        while not self.is_done:
            if len(self._ledger.positions) >= self._ledger.wanted:
                await anyio.sleep(PAUSE_SECONDS)
                continue
            await self._deliver([self._event() for _ in range(self._chance.choice((1, 1, 5, 20)))])

    def _event(self) -> str:
        """Return the text of an event; late ones, accounts, joins and voids are among them."""
        chance, now = self._chance, SystemClock().now()
        self._made += 1
        event_id = f"{self._name}-{self._made}"
        kind = chance.choice(("visited", "ordered", "ordered", "cancelled"))
        item: dict[str, object] = {"id": event_id, "type": kind}
        item["customer_id"] = f"c{chance.randrange(30)}"
        item["occurred_at"] = format_instant(now - chance.randrange(400 * DAY))
        if chance.random() < 0.1:
            item["anonymous_id"] = f"a{chance.randrange(40)}"
        if chance.random() < 0.2:
            item["account_id"] = f"k{chance.randrange(5)}"
        if self._made > 1 and chance.random() < 0.02:
            item["type"] = "$void"
            item["properties"] = {"event_id": f"{self._name}-{chance.randrange(1, self._made)}"}
        text = self._ledger.sent[event_id] = json.dumps(item)
        return text

    async def _deliver(self, texts: Sequence[str]) -> None:
        """Send to one process after another until there is an answer."""
        body = f"[{','.join(texts)}]"
        headers = {"Content-Type": "application/json"}
        while True:
            url = f"{self._chance.choice(self._fleet.processes).url}/v1/events"
            try:
                answer = await self._fleet.client.post(url, content=body, headers=headers)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code not in UNKNOWN:
                self._note(answer)
                return
            self._ledger.doubts += 1
            await anyio.sleep(PAUSE_SECONDS)

    def _note(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        for result in answer.json()["results"]:
            assert result["status"] in {"accepted", "duplicate"}, result
            was = self._ledger.positions.setdefault(result["id"], result["position"])
            assert was == result["position"], result
