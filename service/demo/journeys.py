"""The kinds of customers a shop has, each as a journey told forwards from its first event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from service.demo import touchpoints as they
from service.demo.life import Life


@dataclass(frozen=True, slots=True)
class Segment:
    """A kind of customer.

    Attributes:
        share: How many of a hundred customers are of it.
        oldest: How many days ago the first of them came.
        newest: How many days ago the last of them came; negative for days to come.
    """

    name: str
    share: int
    oldest: int
    newest: int
    journey: Callable[[Life], None]
    is_business: bool = False


def browse(life: Life) -> None:
    """Look around now and then, and buy nothing."""
    if life.perhaps(0.3):
        life.begin_unknown()
    for _ in range(life.chance.randint(1, 5)):
        they.glance(life, life.chance.randint(1, 2))
        life.wait(life.chance.choice((3, 9, 25)))


def consider(life: Life) -> None:
    """Study the offer closely; one in four buys in the end."""
    they.glance(life, 2)
    life.introduce()
    if life.perhaps(0.5):
        they.subscribe(life)
    they.study(life, life.chance.randint(1, 3))
    if life.perhaps(0.3):
        life.did("webinar_attended", campaign=life.campaign())
    if life.perhaps(0.25):
        life.did("quote_requested", product=life.product()[0])
    life.wait(6)
    if life.perhaps(0.5):
        they.leave_checkout(life)
    life.wait(12)
    if life.perhaps(0.25):
        they.order(life)
    they.glance(life, 2, every=14)


def buy_once(life: Life) -> None:
    """Buy a single time and fall silent by and by."""
    if life.perhaps(0.4):
        life.begin_unknown()
    they.glance(life, life.chance.randint(1, 3))
    life.introduce()
    they.study(life, 1)
    they.order(life)
    if life.perhaps(0.3):
        life.wait(5)
        they.answer(life, "csat", life.chance.randint(2, 5))
    they.glance(life, life.chance.randint(0, 3), every=20)


def buy_again(life: Life) -> None:
    """Buy every two months or so."""
    they.glance(life, 2)
    life.introduce()
    they.order(life)
    for _ in range(life.chance.randint(2, 7)):
        life.wait(life.chance.choice((30, 45, 70)))
        they.glance(life, 1)
        they.order_again(life, pieces=life.chance.randint(1, 2))
        if life.perhaps(0.15):
            they.answer(life, "nps", life.chance.randint(5, 9))


def stay_loyal(life: Life) -> None:
    """Join the programme and buy nearly every month."""
    they.glance(life, 2)
    life.introduce(plan="club")
    they.order(life)
    life.did("loyalty_joined", campaign=life.campaign())
    they.onboard(life, 3)
    for turn in range(life.chance.randint(7, 15)):
        life.wait(24)
        they.order_again(life, pieces=life.chance.randint(1, 3))
        life.did("reward_earned", points=life.chance.randint(1, 9) * 10)
        if turn % 3 == 2:  # noqa: PLR2004 -- every third time
            they.use(life, 1, every=4)


def advocate(life: Life) -> None:
    """Love it and tell others."""
    life.did("recommended_by_other", channel=life.chance.choice(("friend", "family")))
    they.glance(life, 1)
    life.introduce(plan="club")
    they.order(life)
    they.onboard(life, 3)
    for _ in range(life.chance.randint(4, 12)):
        life.wait(26)
        they.order_again(life, pieces=life.chance.randint(1, 2))
        if life.perhaps(0.5):
            they.praise(life)
        if life.perhaps(0.25):
            they.answer(life, "nps", life.chance.randint(9, 10))
        they.use(life, 1, every=6)
    life.did("referral_converted", campaign=life.campaign())


def subscribe_to_plan(life: Life) -> None:
    """Try the plan, sign for a year, use it every week."""
    they.glance(life, 1)
    life.did("trial_started", plan="tea-club")
    they.onboard(life, life.chance.randint(1, 4))
    life.wait(14)
    life.did("trial_ended", plan="tea-club")
    they.sign(life, "tea-club")
    they.use(life, life.chance.randint(8, 24), every=9)
    if life.perhaps(0.3):
        life.did("plan_upgraded", plan="tea-club-plus")
    if life.perhaps(0.2):
        life.did("contract_cancelled", plan="tea-club", reason="price")
        return
    they.use(life, life.chance.randint(4, 16), every=11)
    they.renew(life, "tea-club")


def fall_silent(life: Life) -> None:
    """Buy some times and be heard of no more."""
    they.glance(life, 2)
    life.introduce()
    they.order(life)
    for _ in range(life.chance.randint(0, 3)):
        life.wait(25)
        they.order_again(life)


def fade(life: Life) -> None:
    """Buy much for most of a year, and then no more."""
    they.glance(life, 1)
    life.introduce(plan="club")
    they.order(life, pieces=2)
    for _ in range(life.chance.randint(4, 8)):
        life.wait(life.chance.choice((22, 40)))
        they.order_again(life, pieces=life.chance.randint(2, 4))


def come_back(life: Life) -> None:
    """Fall silent for months and be won back."""
    fall_silent(life)
    life.wait(life.chance.choice((75, 110, 190)))
    life.did("email_opened", campaign=life.campaign())
    life.did("email_clicked", campaign=life.campaign())
    they.glance(life, 1)
    they.order(life, pieces=2)
    for _ in range(life.chance.randint(1, 4)):
        life.wait(28)
        they.order_again(life)


def be_let_down(life: Life) -> None:
    """Buy, have bad experiences, and leave for good or nearly so."""
    they.glance(life, 1)
    life.introduce()
    they.order(life)
    for _ in range(life.chance.randint(1, 3)):
        life.wait(10)
        they.complain(life)
    they.answer(life, "nps", life.chance.randint(0, 5))
    if life.perhaps(0.4):
        life.did("contract_cancelled", reason="delivery")
    else:
        life.wait(30)
        they.order_again(life)


def work_for_a_company(life: Life) -> None:
    """Evaluate, decide, introduce and use a product at work, with colleagues."""
    life.introduce()
    they.study(life, life.chance.randint(1, 3))
    life.did("demo_viewed", product="teams")
    if life.perhaps(0.4):
        life.did("meeting_held", topic="needs")
    life.wait(20)
    if life.perhaps(0.35):
        return
    life.did("quote_requested", plan="team")
    life.wait(12)
    they.sign(life, "team")
    they.onboard(life, life.chance.randint(2, 4))
    they.use(life, life.chance.randint(6, 18), every=8)
    if life.perhaps(0.2):
        life.did("limit_reached", limit="seats")
    if life.perhaps(0.3):
        they.answer(life, "nps", life.chance.choice((6, 8, 9, 10)))
    they.use(life, life.chance.randint(4, 14), every=10)


SEGMENTS = (
    Segment("browsers", 24, 150, -40, browse),
    Segment("considering", 15, 130, -30, consider),
    Segment("one-time buyers", 15, 330, -30, buy_once),
    Segment("repeat buyers", 12, 390, -20, buy_again),
    Segment("loyal", 8, 400, 20, stay_loyal),
    Segment("advocates", 5, 390, 10, advocate),
    Segment("subscribers", 4, 380, -20, subscribe_to_plan),
    Segment("silent", 4, 400, 120, fall_silent),
    Segment("faded", 2, 640, 430, fade),
    Segment("won back", 3, 390, 150, come_back),
    Segment("let down", 3, 240, -10, be_let_down),
    Segment("companies", 5, 330, -30, work_for_a_company, is_business=True),
)
