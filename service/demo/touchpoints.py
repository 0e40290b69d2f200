"""What customers do: touchpoints of one, two or five events, from which journeys are made."""

from __future__ import annotations

from domain.instants import DAY, format_instant
from service.demo.life import Life

_GLANCES = ("ad_clicked", "search_visit", "social_visit", "page_viewed", "content_viewed")
_STUDIES = ("product_compared", "review_read", "document_downloaded", "faq_viewed", "demo_viewed")
_DOCUMENTS = ("case_study", "comparison", "price", "benefit")
_PRAISE = ("review_posted", "social_shared", "ugc_posted", "referral_made")
_FEATURES = ("wishlist", "recipes", "subscription", "reports", "sharing")
_STEPS = ("profile", "first_delivery", "payment", "invite")
_TERM = 180 * DAY


def glance(life: Life, times: int, *, every: float = 2.0) -> None:
    """Look around some times."""
    for _ in range(times):
        what = life.chance.choice(_GLANCES)
        if what == "ad_clicked":
            life.did(what, campaign=life.campaign())
        else:
            life.did(what, page=life.product()[0])
        life.wait(every)


def study(life: Life, times: int) -> None:
    """Read, compare and ask before buying."""
    for what in life.chance.sample(_STUDIES, k=times):
        if what == "document_downloaded":
            life.did(what, doc_type=life.chance.choice(_DOCUMENTS))
        else:
            life.did(what, product=life.product()[0])
        life.wait(1.5)


def subscribe(life: Life) -> None:
    """Take the newsletter and read one."""
    life.did("newsletter_subscribed", campaign=life.campaign())
    life.wait(4)
    life.did("email_opened", campaign=life.campaign())
    if life.perhaps(0.6):
        life.did("email_clicked", campaign=life.campaign())


def order(life: Life, *, pieces: int = 1) -> None:
    """Buy something, and get it."""
    product, price = life.product()
    life.did("cart_added", product=product)
    life.did("checkout_started", product=product)
    life.did("order_completed", product=product, amount=price * pieces, currency="JPY")
    life.wait(1)
    life.did("order_shipped", product=product)
    life.wait(2)
    life.did("order_delivered", product=product)


def order_again(life: Life, *, pieces: int = 1) -> None:
    """Buy without looking around."""
    product, price = life.product()
    life.did("order_completed", product=product, amount=price * pieces, currency="JPY")
    life.wait(3)
    life.did("order_delivered", product=product)


def leave_checkout(life: Life) -> None:
    """Begin to buy and think better of it."""
    product, _ = life.product()
    life.did("cart_added", product=product)
    life.did("checkout_started", product=product)
    if life.perhaps(0.5):
        life.did("checkout_abandoned", product=product, reason="shipping_cost")


def onboard(life: Life, steps: int) -> None:
    """Activate the account and take the first steps."""
    life.did("account_activated")
    for step in _STEPS[:steps]:
        life.wait(2)
        life.did("onboarding_step_completed", step=step)


def use(life: Life, times: int, *, every: float) -> None:
    """Use what was bought."""
    for _ in range(times):
        life.wait(every)
        if life.perhaps(0.5):
            life.did("login")
        else:
            life.did("feature_used", feature=life.chance.choice(_FEATURES))


def answer(life: Life, kind: str, score: int) -> None:
    """Answer a survey."""
    life.did("survey_answered", kind=kind, score=score)


def praise(life: Life) -> None:
    """Speak well of us, somewhere."""
    product, _ = life.product()
    life.did(life.chance.choice(_PRAISE), product=product)


def complain(life: Life) -> None:
    """Have a bad experience and say so."""
    life.did("bad_experience_reported", channel=life.chance.choice(("mail", "phone", "chat")))
    life.did("support_ticket_opened", topic="delivery")
    life.wait(2)
    life.did("support_ticket_resolved", topic="delivery")


def sign(life: Life, plan: str) -> None:
    """Start a contract of half a year."""
    life.did("contract_started", plan=plan)
    life.introduce(plan=plan, contract_ends_at=format_instant(life.now + _TERM))


def renew(life: Life, plan: str) -> None:
    """Renew the contract for half a year."""
    life.did("contract_renewed", plan=plan)
    life.introduce(plan=plan, contract_ends_at=format_instant(life.now + _TERM))
