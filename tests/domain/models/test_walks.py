"""Each ready-made model is walked round: every stage is entered, and left again for a reason."""

from dataclasses import dataclass

import pytest

from domain.document import to_document
from domain.events import Event
from service.modelling.model_files import load_ready_models
from tests.builders import at, by_member, did, entered, identified, numbered, told
from tests.domain.stories.telling import Historian, both_historians


@dataclass(frozen=True, slots=True)
class Walk:
    """What a subject did until some day, the stages it entered and the alerts it caused, by day."""

    model: str
    history: list[Event]
    until: float
    stages: list[tuple[str, float]]
    alerts: list[tuple[str, float]]


def rated(day: float, score: int) -> Event:
    """Return the answer to the question whether one would recommend us."""
    return did("survey_answered", day, kind="nps", score=score)


def stepped(day: float, step: str) -> Event:
    """Return the completion of an onboarding step."""
    return did("onboarding_step_completed", day, step=step)


WALKS = [
    Walk(
        "questionpro-6",
        [
            did("social_visit", 0),
            did("page_viewed", 3),
            did("quote_requested", 10),
            did("order_completed", 20, amount=5000),
            did("order_delivered", 23),
            did("order_completed", 60, amount=7000),
        ],
        700,
        [
            ("awareness", 0),
            ("engagement", 3),
            ("evaluation", 10),
            ("buyer", 20),
            ("product_support_experience", 23),
            ("bonding_advocacy", 60),
            ("product_support_experience", 200),
            ("engagement", 240),
            ("awareness", 330),
        ],
        [("thank-you-due", 21), ("going-quiet", 120)],
    ),
    Walk(
        "hubspot-clm-5",
        [
            did("search_visit", 0),
            did("question_asked", 2),
            did("cart_added", 5),
            did("checkout_started", 20),
            did("order_completed", 20.5, amount=1),
            did("review_posted", 40),
        ],
        500,
        [
            ("discovery", 0),
            ("education", 2),
            ("purchase", 5),
            ("education", 12),
            ("purchase", 20),
            ("post_purchase_engagement", 20.5),
            ("advocacy", 40),
            ("discovery", 385.5),
        ],
        [("question-open", 2), ("thank-you-due", 21.5)],
    ),
    Walk(
        "mazrica-6",
        [
            did("ad_clicked", 0),
            did("webinar_attended", 5),
            did("document_downloaded", 15, doc_type="template"),
            did("document_downloaded", 20, doc_type="comparison"),
            did("checkout_started", 30),
            did("form_abandoned", 31),
            did("contract_started", 33),
            identified(33, contract_ends_at="2026-08-01T00:00:00Z"),
            did("login", 35),
            stepped(36, "a"),
            did("contract_renewed", 200),
            did("contract_cancelled", 250),
        ],
        400,
        [
            ("awareness", 0),
            ("relationship", 5),
            ("evaluation", 20),
            ("purchase", 30),
            ("evaluation", 31),
            ("purchase", 33),
            ("usage_experience", 35),
            ("support_repeat", 200),
            ("relationship", 250),
            ("awareness", 340),
        ],
        [
            ("form-abandoned", 31),
            ("onboarding-stuck", 49),
            ("renewal-due", 152),
            ("cancelled", 250),
        ],
    ),
    Walk(
        "customer-journey-5",
        [
            did("page_viewed", 0),
            did("demo_viewed", 2),
            did("review_read", 9),
            did("order_completed", 12, amount=1),
            rated(30, 10),
            did("bad_experience_reported", 31),
            did("bad_experience_reported", 40),
            did("bad_experience_reported", 50),
            did("login", 150),
        ],
        600,
        [
            ("awareness", 0),
            ("consideration", 2),
            ("purchase", 9),
            ("retention", 12),
            ("advocacy", 30),
            ("retention", 210),
            ("consideration", 330),
            ("awareness", 420),
        ],
        [
            ("bad-experience", 31),
            ("bad-experience", 40),
            ("bad-experience", 50),
            ("several-bad-experiences", 50),
            ("going-quiet", 72),
            ("going-quiet", 210),
        ],
    ),
    Walk(
        "typical-journey-5",
        [
            did("search_visit", 0),
            did("content_viewed", 1),
            did("checkout_started", 4),
            did("order_completed", 6),
            did("order_delivered", 9),
            did("order_completed", 100),
        ],
        600,
        [
            ("awareness", 0),
            ("consideration", 1),
            ("decision", 4),
            ("purchase", 6),
            ("post_purchase", 9),
            ("purchase", 100),
            ("post_purchase", 114),
            ("consideration", 280),
            ("awareness", 370),
        ],
        [("checkout-abandoned", 5), ("thank-you-due", 7), ("thank-you-due", 101)],
    ),
    Walk(
        "lifecycle-marketing-5",
        [
            did("ad_clicked", 0),
            did("newsletter_subscribed", 1),
            did("order_completed", 10),
            did("order_delivered", 13),
            did("referral_made", 50),
        ],
        600,
        [
            ("attract", 0),
            ("convert", 1),
            ("fulfill", 10),
            ("retain", 13),
            ("advocate", 50),
            ("convert", 190),
            ("attract", 280),
        ],
        [("going-quiet", 70), ("hesitating", 204)],
    ),
    Walk(
        "customer-lifecycle-marketing-5",
        [
            did("page_viewed", 0),
            did("order_completed", 1),
            stepped(2, "a"),
            stepped(3, "b"),
            stepped(3.5, "b"),
            stepped(4, "c"),
            did("order_completed", 50),
            did("referral_converted", 100),
            did("login", 170),
        ],
        700,
        [
            ("acquisition", 0),
            ("onboarding", 1),
            ("engagement", 4),
            ("retention", 50),
            ("advocacy", 100),
            ("engagement", 280),
            ("acquisition", 350),
        ],
        [("going-quiet", 110), ("going-quiet", 230), ("lead-cools", 380)],
    ),
    Walk(
        "classic-5",
        [
            did("search_visit", 0),
            did("page_viewed", 1),
            did("order_completed", 5),
            did("login", 30),
            did("referral_made", 60),
        ],
        600,
        [
            ("awareness_discovery", 0),
            ("consideration_interest", 1),
            ("conversion_purchase", 5),
            ("retention_loyalty", 35),
            ("advocacy_referral", 60),
            ("consideration_interest", 210),
            ("awareness_discovery", 300),
        ],
        [("thank-you-due", 6), ("going-quiet", 90)],
    ),
    Walk(
        "four-stage",
        [
            did("page_viewed", 0),
            did("account_activated", 1),
            stepped(2, "a"),
            stepped(3, "b"),
            stepped(4, "c"),
            *(did("login", day) for day in range(10, 130, 10)),
        ],
        400,
        [
            ("acquisition", 0),
            ("onboarding", 1),
            ("engagement", 4),
            ("retention", 94),
            ("engagement", 150),
            ("acquisition", 210),
        ],
        [("lead-cools", 240)],
    ),
    Walk(
        "six-stage",
        [
            did("page_viewed", 0),
            did("demo_viewed", 1),
            did("order_completed", 2),
            did("order_completed", 30),
            did("review_posted", 40),
            did("order_completed", 60),
            did("order_completed", 90),
            *(did("login", day) for day in (200, 300, 400)),
        ],
        900,
        [
            ("awareness", 0),
            ("consideration", 1),
            ("purchase", 2),
            ("retention", 30),
            ("advocacy", 40),
            ("loyalty", 90),
            ("retention", 367),
            ("consideration", 580),
            ("awareness", 670),
        ],
        [("thank-you-due", 3), ("going-quiet", 150), ("going-quiet", 260), ("going-quiet", 360),
         ("going-quiet", 460)],
    ),
    Walk(
        "b2b-6",
        [
            by_member("ann", did("page_viewed", 0)),
            by_member("bob", did("page_viewed", 1)),
            by_member("ann", did("contract_started", 40)),
            by_member("ann", did("login", 42)),
            *(by_member("ann", stepped(43 + place, step)) for place, step in enumerate("abc")),
            by_member("bob", did("login", 50)),
            by_member("bob", rated(60, 9)),
        ],
        600,
        [
            ("awareness", 0),
            ("consideration", 1),
            ("decision", 40),
            ("product_adoption", 42),
            ("retention", 50),
            ("advocacy", 60),
            ("consideration", 140),
            ("awareness", 320),
        ],
        [("single-threaded", 75)],
    ),
    Walk(
        "health",
        [
            did("order_completed", 0),
            did("login", 75),
            did("bad_experience_reported", 80),
            *(did("login", day) for day in range(90, 180, 10)),
            did("contract_cancelled", 600),
            did("page_viewed", 610),
            did("contract_started", 620),
        ],
        640,
        [
            ("healthy", 0),
            ("at_risk", 30),
            ("dormant", 60),
            ("won_back", 75),
            ("at_risk", 80),
            ("healthy", 170),
            ("at_risk", 200),
            ("dormant", 230),
            ("churned", 350),
            ("won_back", 620),
        ],
        [("about-to-be-at-risk", 23), ("about-to-be-at-risk", 193)],
    ),
    Walk(
        "growth",
        [did("page_viewed", day) for day in (0, 10, 95, 110)],
        300,
        [
            ("new", 0),
            ("returning", 30),
            ("dormant", 40),
            ("resurrecting", 95),
            ("returning", 125),
            ("dormant", 140),
        ],
        [("about-to-be-dormant", 33), ("resurrected", 95), ("about-to-be-dormant", 133)],
    ),
]  # fmt: skip


@both_historians
@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.model)
def test_a_model_is_walked_round(walk: Walk, tell: Historian) -> None:
    document = to_document(load_ready_models()[walk.model])

    records = tell(document, numbered(walk.history), at(walk.until))

    transitions = told(record for record in records if record.kind != "alert")
    assert transitions == [entered(stage, day) for stage, day in walk.stages]
    alerts = [record for record in records if record.kind == "alert"]
    assert [(record.cause.rule, record.effective_at) for record in alerts] == [
        (alert, at(day)) for alert, day in walk.alerts
    ]


def test_every_walk_enters_every_stage_of_its_model() -> None:
    models = load_ready_models()

    unvisited = {
        walk.model: {stage.id for stage in models[walk.model].stages}
        - {stage for stage, _ in walk.stages}
        for walk in WALKS
    }

    assert not any(unvisited.values()), unvisited
    assert {*unvisited, "cpm-10"} == set(models)
