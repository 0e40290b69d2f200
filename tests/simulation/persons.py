"""Persons who are to be forgotten: they leave traces, somebody erases them, and nobody knows them.

Each has names that nobody else is given, so that whatever names them later is a broken promise. An
account learns from those who will be anonymised: what it says before must hold after.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from domain.instants import format_instant
from projections.events.log import StoredEvent, SubjectKey
from projections.registers.erasure import ErasureMode, event_id_at, is_erased_name
from service.ports import Store
from tests.builders import DAY
from tests.contract.saying import TENANT
from tests.simulation.claims import MARK, Forgotten
from tests.simulation.operators import Ask
from tests.simulation.process import VirtualClock

EVENTS_MAX = 5
TRIES_MAX = 100
PAUSES = (0.0, 0.0, 1.0, 600.0, 100_000.0)
GIVEN_UP_PAUSES = (0.01, 1.0, 60.0, 7_200.0)


class Keeper:
    """Sends events of persons, and has them erased."""

    def __init__(
        self,
        name: str,
        ask: Ask,
        clock: VirtualClock,
        chance: random.Random,
        ledger: list[Forgotten],
    ) -> None:
        """Speak to the service by *ask*, and add to *ledger* who is forgotten."""
        self._name = name
        self._ask = ask
        self._clock = clock
        self._chance = chance
        self._ledger = ledger
        self._made = 0

    async def act(self) -> None:
        """Let a person come, live and be forgotten; send something of theirs again."""
        chance = self._chance
        self._made += 1
        mode: ErasureMode = chance.choice(("anonymise", "purge"))
        person = Forgotten(f"{MARK}-{self._name}{self._made}", mode)
        for number in range(chance.randint(1, EVENTS_MAX)):
            await self._send(person, self._event(person, number))
            await self._pause()
        if not person.texts:
            return
        await self._erase(person)
        await self._pause()
        await self._remind(person)

    def _event(self, person: Forgotten, number: int) -> dict[str, Any]:
        chance = self._chance
        event: dict[str, Any] = {
            "id": f"{person.name}-{number}",
            "type": chance.choice(("visited", "ordered", "ordered", "cancelled", "$identify")),
            "customer_id": person.name,
        }
        if chance.random() < 0.3:
            event["anonymous_id"] = f"{person.name}-visitor"
        if person.mode == "anonymise" and chance.random() < 0.5:
            event["account_id"] = "acme"
        if chance.random() < 0.1:
            event["occurred_at"] = f"when {person.name} came"  # refused, and kept for a while
        elif chance.random() < 0.5:
            ago = chance.choice((0.01, 1, 10, 60)) * chance.random()
            event["occurred_at"] = format_instant(self._clock.now() - round(ago * DAY))
        if event["type"] == "$identify":
            event["properties"] = {"traits": {"plan": "vip", "email": f"{person.name}@example.com"}}
        else:
            event["properties"] = {"amount": chance.randrange(1_000), "street": person.name}
        return event

    async def _send(self, person: Forgotten, event: dict[str, Any]) -> None:
        text = json.dumps(event)
        for _ in range(TRIES_MAX):
            headers = {"Content-Type": "application/json"}
            answer = await self._ask("POST", "/v1/events", content=text, headers=headers)
            if answer is not None:
                if answer.status_code != 422:  # also where our clock is a day behind
                    assert answer.is_success, answer.text
                    person.texts[int(answer.json()["position"])] = text
                return
            await asyncio.sleep(self._chance.choice(GIVEN_UP_PAUSES))

    async def _erase(self, person: Forgotten) -> None:
        """Ask until it is answered; an answer that was lost shows as somebody whom nobody knows."""
        for tried in range(TRIES_MAX):
            query = {"mode": person.mode}
            answer = await self._ask("DELETE", f"/v1/customers/{person.name}", params=query)
            if answer is not None:
                told = f"{answer.status_code} {answer.text}"
                assert answer.status_code == 200 or (tried and answer.status_code == 404), told
                if answer.status_code == 200:
                    person.erased_at = int(answer.json()["position"])
                self._ledger.append(person)
                return
            await asyncio.sleep(self._chance.choice(GIVEN_UP_PAUSES))

    async def _remind(self, person: Forgotten) -> None:
        """Send an old event again: it is known, and brings nobody back.

        Where the clock was set back meanwhile, the event may be of too far in the future to enter.
        What is refused is kept for a while, so the person is no longer one whom nothing names.
        """
        if person not in self._ledger:
            return
        text = self._chance.choice(list(person.texts.values()))
        headers = {"Content-Type": "application/json"}
        answer = await self._ask("POST", "/v1/events", content=text, headers=headers)
        if answer is not None:
            told = answer.json()
            is_early = answer.status_code == 422 and told["errors"][0]["code"] == "future_time"
            assert is_early or told["status"] == "duplicate", answer.text
            person.is_named_again |= is_early
        answer = await self._ask("GET", f"/v1/customers/{person.name}")
        assert answer is None or answer.status_code == 404, answer.text

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.choice(PAUSES) * self._chance.random())


# ---------------------------------------------------------------- the verdict


async def assert_forgotten(
    store: Store, log: Sequence[StoredEvent], forgotten: Sequence[Forgotten], path: Path | None
) -> None:
    """Assert that every event of each is in the log still, and that nothing anywhere names them.

    Who is named again by what was refused is not looked for in the rows.
    """
    for person in forgotten:
        for position in person.texts:
            event = log[position - 1]
            assert event.event_id == event_id_at(position), event
            assert is_erased_name(event.subject.id), event
            assert MARK not in event.payload, event
        if person.erased_at is not None:
            assert log[person.erased_at - 1].type == "$erase"
        for name in (person.name, f"anon:{person.name}-visitor"):
            assert await store.snapshot(TENANT, SubjectKey.of_customer(name)) is None
    names = [person.name for person in forgotten if not person.is_named_again]
    left = [text for text in _texts_in(path) if any(name in text for name in names)]
    assert not left, left


def _texts_in(path: Path | None) -> Iterator[str]:
    """Yield every value of every table of the SQLite file at *path*, if it is in one."""
    if path is None:
        return
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
        ).fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 -- our own names
                for value in row:
                    yield value.decode("latin-1") if isinstance(value, bytes) else str(value)
