"""Clients: they send, repeat, contradict themselves, correct, join, part, ask, and never give up.

The world is small, so that ids, names and instants meet often.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import httpx

from domain.instants import format_instant
from tests.builders import DAY
from tests.simulation.claims import Answered, Claim, Ledger
from tests.simulation.hosts import Hosts
from tests.simulation.operators import Operator
from tests.simulation.persons import Keeper
from tests.simulation.process import ConnectionLost

CUSTOMERS = ("ann", "bob", "cyd", "dee")
VISITORS = ("a1", "a2", "a3")
ACCOUNTS = ("acme", "beta")
BEHAVIOUR = ("visited", "visited", "ordered", "ordered", "ordered", "cancelled")
CONTROL = ("$identify", "$stage.set", "$void", "$alias", "$unalias")
EXPECTED = frozenset({200, 201, 202, 404, 409, 412, 422})
PAUSES = (0.0, 0.0, 0.001, 0.01, 1.0, 600.0, 100_000.0, 1_500_000.0)
"""Seconds between two things that one client does, each as likely as the others."""

REPEATS_MAX = 100


@dataclass(frozen=True, slots=True)
class Sent:
    """An event as a client keeps it to send it again: its id, if it gave it one, and its text."""

    event_id: str | None
    text: str


class Client:
    """One client with its own chance."""

    def __init__(self, name: str, host: Hosts, ledger: Ledger, chance: random.Random) -> None:
        self.name = name
        self._host = host
        self._ledger = ledger
        self._chance = chance
        self._operator = Operator(self._request, chance)
        self._keeper = Keeper(name, self._request, host.clock, chance, ledger.forgotten)
        self._made = 0
        self._kept: list[Sent] = []
        self._log_position = 0
        self._feed_position = 0
        self._newest = 0
        self._applied = 0

    async def live(self, deeds: int) -> None:
        """Do so many things, with pauses of virtual microseconds to days."""
        acts: Sequence[tuple[int, Callable[[], Awaitable[object]]]] = (
            (6, self._send_one),
            (6, self._send_batch),
            (2, self._send_all_or_none),
            (2, self._send_without_id),
            (3, self._repeat),
            (2, self._contradict),
            (2, self._put_into_stage),
            (1, self._join),
            (1, self._part),
            (8, self._ask),
            (4, self._follow),
            (1, self._look_around),
            (3, self._operator.act),
            (1, self._keeper.act),
        )
        weights = [weight for weight, _ in acts]
        for _ in range(deeds):
            await asyncio.sleep(self._chance.choice(PAUSES) * self._chance.random())
            _, act = self._chance.choices(acts, weights)[0]
            await act()

    # ------------------------------------------------------------ events

    def _event(self) -> Sent:
        chance = self._chance
        self._made += 1
        event_id = f"{self.name}{self._made}"
        kind = chance.choice(CONTROL) if chance.random() < 0.2 else chance.choice(BEHAVIOUR)
        item: dict[str, Any] = {"id": event_id, "type": kind}
        if chance.random() < 0.8:
            item["customer_id"] = chance.choice(CUSTOMERS)
        if "customer_id" not in item or chance.random() < 0.15:
            item["anonymous_id"] = chance.choice(VISITORS)
        if chance.random() < 0.3:
            item["account_id"] = chance.choice(ACCOUNTS)
        if chance.random() < 0.6:
            ago = chance.choice((-0.02, 0.0, 0.01, 1, 10, 30, 60, 90)) * chance.random()
            item["occurred_at"] = format_instant(self._host.clock.now() - round(ago * DAY))
        properties = self._properties(kind)
        if properties is not None:
            item["properties"] = properties
        return Sent(event_id, json.dumps(item))

    def _properties(self, kind: str) -> dict[str, Any] | None:
        chance = self._chance
        if kind == "$void":
            known = chance.choice(self._kept).event_id if self._kept else None
            return {"event_id": known or "nobody-sent-this"}
        if kind in {"$alias", "$unalias"}:
            return self._other_name()
        if kind == "$identify":
            return {"traits": {"plan": chance.choice(("vip", "free", None))}}
        if kind == "$stage.set":
            return {"model": "shop", "stage": chance.choice(("lead", "loyal"))}
        return {"amount": chance.randrange(1_000)} if chance.random() < 0.5 else None

    def _other_name(self) -> dict[str, str]:
        if self._chance.random() < 0.7:
            return {"anonymous_id": self._chance.choice(VISITORS)}
        return {"customer_id": self._chance.choice(CUSTOMERS)}

    # ------------------------------------------------------------ sending

    async def _send_one(self) -> None:
        await self._deliver(self._event(), [])

    async def _repeat(self) -> None:
        """Send something again, alone or beside something new, its text written differently."""
        if not self._kept:
            return
        again = self._chance.choice(self._kept)
        item = json.loads(again.text)
        other = json.dumps(dict(reversed(item.items())), indent=self._chance.choice((None, 1)))
        await self._deliver(Sent(again.event_id, other), [self._event()])

    async def _contradict(self) -> None:
        """Send other content under an id that was used before."""
        if not self._kept:
            return
        again = self._chance.choice(self._kept)
        item = {**json.loads(again.text), "contradiction": self._chance.randrange(3)}
        await self._deliver(Sent(again.event_id, json.dumps(item)), [])

    async def _send_batch(self) -> None:
        events = [self._event() for _ in range(self._chance.choice((2, 5, 12)))]
        if self._kept and self._chance.random() < 0.4:
            events.append(self._chance.choice(self._kept))
        self._chance.shuffle(events)
        await self._deliver(events[0], events[1:], in_array=True)

    async def _deliver(self, first: Sent, rest: list[Sent], *, in_array: bool = False) -> None:
        """Send again and again until there is an answer."""
        events = [first, *rest]
        texts = [event.text for event in events]
        body = f"[{','.join(texts)}]" if rest or in_array else texts[0]
        for _ in range(REPEATS_MAX):
            answer = await self._post(body)
            if answer is not None:
                self._note(events, answer)
                break
            await asyncio.sleep(self._chance.choice((0.01, 1.0, 60.0, 7_200.0)))
        self._kept += [event for event in events if event not in self._kept]

    async def _send_without_id(self) -> None:
        """Send an event that the service is to name; it cannot be repeated safely, so it is not."""
        item = json.loads(self._event().text)
        del item["id"]
        text = json.dumps(item)
        answer = await self._post(text)
        if answer is not None:
            self._note([Sent(None, text)], answer)

    async def _send_all_or_none(self) -> None:
        events = [self._event() for _ in range(3)]
        if self._kept and self._chance.random() < 0.7:
            again = self._chance.choice(self._kept)
            item = {**json.loads(again.text), "contradiction": 7}
            events.append(Sent(again.event_id, json.dumps(item)))
        body = f"[{','.join(event.text for event in events)}]"
        answer = await self._post(body, atomic="true")
        if answer is None:
            return
        if answer.status_code in {409, 422}:
            self._ledger.absent += [str(event.event_id) for event in events[:3]]
        else:
            self._note(events, answer)
            self._kept += [event for event in events if event not in self._kept]

    async def _post(self, body: str, **query: str) -> httpx.Response | None:
        headers = {"Content-Type": "application/json"}
        return await self._request(
            "POST", "/v1/events", content=body, headers=headers, params=query
        )

    def _note(self, events: Sequence[Sent], answer: httpx.Response) -> None:
        body = answer.json()
        if answer.status_code in {409, 422}:
            results = [{"index": 0, "status": "rejected", "error": body}]
        else:
            results = body.get("results", [{**body, "index": 0}])
            self._newest = max(self._newest, body["position"] or 0)
            if body["applied"]:
                self._applied = max(self._applied, body["position"] or 0)
        assert len(results) == len(events)
        for result in results:
            self._claim(events[result["index"]], result)

    def _claim(self, event: Sent, result: dict[str, Any]) -> None:
        status = result["status"]
        if status in {"accepted", "duplicate"}:
            event_id, position = str(result["id"]), int(result["position"])
            assert event.event_id in {None, event_id}
            self._ledger.claims.append(Claim(status, event_id, position, event.text))
        elif result["error"]["code"] == "event_id_conflict":
            self._ledger.claims.append(Claim("conflict", str(event.event_id), None, event.text))

    # ------------------------------------------------------------ changes by hand

    async def _put_into_stage(self) -> None:
        """Put a customer into a stage, now and then only if nothing has happened meanwhile."""
        path = f"/v1/customers/{self._chance.choice(CUSTOMERS)}"
        headers = {}
        if self._chance.random() < 0.5:
            found = await self._request("GET", path, params={"model": "shop"})
            if found is None or found.status_code != 200 or "etag" not in found.headers:
                return
            headers["If-Match"] = found.headers["etag"]
        order = {"model": "shop", "stage": self._chance.choice(("lead", "buyer", "loyal"))}
        answer = await self._request("POST", f"{path}/transitions", json=order, headers=headers)
        if answer is not None and answer.status_code == 201:
            body = answer.json()
            claim = Claim("accepted", body["event_id"], body["position"], None)
            self._ledger.claims.append(claim)

    async def _join(self) -> None:
        path = f"/v1/customers/{self._chance.choice(CUSTOMERS)}/aliases"
        await self._request("POST", path, json=self._other_name())

    async def _part(self) -> None:
        ((kind, name),) = self._other_name().items()
        alias = quote(f"anon:{name}" if kind == "anonymous_id" else name, safe="")
        path = f"/v1/customers/{self._chance.choice(CUSTOMERS)}/aliases/{alias}"
        await self._request("DELETE", path)

    # ------------------------------------------------------------ asking

    async def _ask(self) -> None:
        """Ask where somebody stands, stood or will stand.

        What was acknowledged as applied must be in it, and all that was stored where it is asked
        for.
        """
        chance, now = self._chance, self._host.clock.now()
        kind: Literal["customer", "account"] = "customer" if chance.random() < 0.8 else "account"
        name = chance.choice((*CUSTOMERS, *(f"anon:{one}" for one in VISITORS)))
        path = f"/v1/customers/{name}"
        if kind == "account":
            path = f"/v1/accounts/{chance.choice(ACCOUNTS)}"
        query, as_of = {}, None
        if chance.random() < 0.5:
            as_of = now - round(chance.choice((-70, 0, 1, 30, 120)) * chance.random() * DAY)
            query["as_of"] = format_instant(as_of)
        expected = self._applied
        if kind == "customer" and chance.random() < 0.5:
            expected = self._newest
            query |= {"min_position": str(expected), "wait": chance.choice(("0s", "20s"))}
        answer = await self._request("GET", path, params=query)
        if answer is None or answer.status_code != 200:
            return
        position = int(answer.headers["stagefold-position"])
        assert position >= expected, "what was acknowledged is not in the answer"
        told_at = self._host.clock.now()
        answered = Answered(kind, position, now, told_at, as_of, answer.json())
        self._ledger.answers.append(answered)

    async def _follow(self) -> None:
        """Read on in the log and in the feed from where the last answer ended."""
        limit = self._chance.choice((3, 50, 500))
        query = {"after": self._log_position, "limit": limit}
        answer = await self._request("GET", "/v1/events", params=query)
        if answer is not None:
            for row in answer.json()["data"]:
                self._log_position += 1
                assert row["position"] == self._log_position, "the log has a hole"
                self._ledger.followed.append((row["position"], row["id"]))
        query = {"after": self._feed_position, "limit": limit}
        answer = await self._request("GET", "/v1/transitions", params=query)
        if answer is not None:
            for row in answer.json()["data"]:
                self._feed_position += 1
                assert row["position"] == self._feed_position, "the feed has a hole"
                self._ledger.heard.append((row["position"], row["type"], row["id"]))

    async def _look_around(self) -> None:
        path = self._chance.choice(
            (
                "/v1/customers",
                "/v1/customers?model=shop&sort=-entered_at",
                "/v1/models/shop/board",
                "/v1/models/team/board",
                "/v1/customers/ann/timeline",
                "/v1/customers/ann/transitions?include=retracted,alerts",
                "/v1/customers/bob/explain",
                "/v1/rebuilds",
                "/v1/event-types",
                "/metrics",
                "/readyz",
            )
        )
        await self._request("GET", path)

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response | None:  # noqa: ANN401 -- httpx's options
        """Return the answer; None where there was none, or one that tells to come again."""
        host = self._host
        strikes = host.trouble.strikes
        try:
            answer = await host.ask(method, path, **options)
        except ConnectionLost:
            return None
        if answer.status_code == 503:
            is_behind = "projection_behind" in answer.text
            is_trouble = host.trouble.strikes > strikes
            assert is_trouble or host.is_leaving or is_behind, f"503 without trouble: {path}"
            return None
        told = f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        assert answer.status_code in EXPECTED, told
        return answer
