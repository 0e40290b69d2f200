"""The CDNOW file told by plain loops: what each customer's stages must be, without the engine.

Nothing of the product is imported here. Each model is written out as what it says in words; days
are 24 hours, all orders of a day happen at its midnight UTC, in the order of the file.
"""

from __future__ import annotations

import calendar
import gzip
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DAY = 24 * 60 * 60
FILE = Path(__file__).parent / "cdnow_master.txt.gz"


@dataclass(frozen=True, slots=True)
class Order:
    """One purchase: when (seconds since 1970), where in the file, how many cents."""

    at: int
    line: int
    cents: int


@dataclass(frozen=True, slots=True)
class Change:
    """One change of stage: from which (None: the first), to which, when, by which rule."""

    before: str | None
    after: str
    at: int
    rule: str


History = list[Order]
Life = list[Change]


def seconds(day: str) -> int:
    """Return the midnight of `YYYYMMDD`, UTC."""
    return calendar.timegm(time.strptime(day, "%Y%m%d"))


def orders_by_customer() -> dict[str, History]:
    """Return every customer's orders, by day and then by place in the file."""
    found: dict[str, History] = {}
    with gzip.open(FILE, "rt", encoding="ascii") as lines:
        for line, text in enumerate(lines, start=1):
            if line == 1:
                continue
            customer, day, _, dollars = text.split()
            whole, cents = dollars.split(".")
            order = Order(seconds(day), line, int(whole) * 100 + int(cents))
            found.setdefault(customer, []).append(order)
    for history in found.values():
        history.sort(key=lambda order: (order.at, order.line))
    return found


def shop(history: History) -> Life:
    """Return a life in the model `cdnow`, told to the end of all silence."""
    life = [Change(None, "first_purchase", history[0].at, "$initial")]
    stage, spent = "first_purchase", 0
    for number, order in enumerate(history):
        if number and order.at >= history[number - 1].at + 120 * DAY:
            life.append(Change(stage, "dormant", history[number - 1].at + 120 * DAY, "silence"))
            life.append(Change("dormant", "repeat", order.at, "won-back"))
            stage = "repeat"
        spent += order.cents
        recent = [each for each in history[: number + 1] if each.at > order.at - 90 * DAY]
        if stage == "first_purchase" and len(recent) >= 2:
            life.append(Change(stage, "repeat", order.at, "again"))
            stage = "repeat"
        if stage in ("first_purchase", "repeat") and spent >= 200_00:
            life.append(Change(stage, "loyal", order.at, "spender"))
            stage = "loyal"
    life.append(Change(stage, "dormant", history[-1].at + 120 * DAY, "silence"))
    return life


def portfolio(threshold_cents: int) -> Callable[[History], Life]:
    """Return the teller of `cpm-10` lives whose great spenders begin at *threshold_cents*."""

    def tell(history: History) -> Life:
        first, stage, spent = history[0].at, "prospect", 0
        life = [Change(None, "prospect", first, "$initial")]
        for number, order in enumerate(history):
            if number:
                stage = _left(life, stage, history[number - 1].at, order.at)
            spent += order.cents
            rank = _rank(number + 1, order.at - first, great=spent >= threshold_cents)
            if f"{rank}_active" != stage:
                life.append(Change(stage, f"{rank}_active", order.at, rank))
                stage = f"{rank}_active"
        _left(life, stage, history[-1].at, history[-1].at + 240 * DAY)
        return life

    return tell


def _rank(orders: int, tenure: int, *, great: bool) -> str:
    """Return the rank by number of orders, time from first to latest, and total spent."""
    if orders == 1:
        return "first"
    if tenure < 90 * DAY:
        return "toddler"
    if not great:
        return "steady"
    return "trend" if tenure < 210 * DAY else "best"


def _left(life: Life, stage: str, last: int, now: int) -> str:
    """Add that the customer left, if 240 days have passed since the last order."""
    if now < last + 240 * DAY:
        return stage
    rank = stage.removesuffix("_active")
    life.append(Change(stage, f"{rank}_left", last + 240 * DAY, f"{rank}-left"))
    return f"{rank}_left"


def health(history: History) -> Life:
    """Return a life in the model `health`, told to the end of all silence."""
    life = [Change(None, "healthy", history[0].at, "$initial")]
    for number, order in enumerate(history[1:], start=1):
        _silence(life, history[:number], order.at)
        stage = life[-1].after
        if stage == "at_risk":
            life.append(Change(stage, "healthy", order.at, "recovered"))
        elif stage == "dormant":
            life.append(Change(stage, "won_back", order.at, "wakes-up"))
        elif stage == "churned":
            life.append(Change(stage, "won_back", order.at, "won-back"))
    _silence(life, history, history[-1].at + 10_000 * DAY)
    return life


def _silence(life: Life, before: History, now: int) -> None:
    """Add what happens by time alone until *now*, at most one more order being unknown."""
    last = before[-1].at
    settled_at = life[-1].at + 30 * DAY
    if life[-1].after == "won_back" and settled_at < last + 30 * DAY and settled_at <= now:
        life.append(Change("won_back", "healthy", settled_at, "settled"))
    steps = (
        (("healthy", "won_back"), "at_risk", 30, "silent"),
        (("at_risk",), "dormant", 60, "falls-asleep"),
        (("dormant",), "churned", 180, "given-up"),
    )
    for sources, target, days, rule in steps:
        if life[-1].after in sources and last + days * DAY <= now:
            life.append(Change(life[-1].after, target, last + days * DAY, rule))


TELLERS: dict[str, Callable[[History], Life]] = {
    "cdnow": shop,
    "cpm-10-usd": portfolio(700_00),
    "health": health,
}
