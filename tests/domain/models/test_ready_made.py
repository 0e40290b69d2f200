"""What the ready-made models have in common, so that each can be trusted by itself."""

from typing import Final

import pytest

from domain.model import Model
from service.modelling.model_files import load_ready_models, ready_model_keys

STAGES: Final = {
    "questionpro-6": "awareness engagement evaluation buyer product_support_experience "
    "bonding_advocacy",
    "hubspot-clm-5": "discovery education purchase post_purchase_engagement advocacy",
    "mazrica-6": "awareness relationship evaluation purchase usage_experience support_repeat",
    "customer-journey-5": "awareness consideration purchase retention advocacy",
    "typical-journey-5": "awareness consideration decision purchase post_purchase",
    "lifecycle-marketing-5": "attract convert fulfill retain advocate",
    "customer-lifecycle-marketing-5": "acquisition onboarding engagement retention advocacy",
    "classic-5": "awareness_discovery consideration_interest conversion_purchase "
    "retention_loyalty advocacy_referral",
    "four-stage": "acquisition onboarding engagement retention",
    "six-stage": "awareness consideration purchase retention advocacy loyalty",
    "b2b-6": "awareness consideration decision product_adoption retention advocacy",
    "health": "healthy at_risk dormant churned won_back",
    "cpm-10": "prospect first_active toddler_active steady_active trend_active best_active "
    "first_left toddler_left steady_left trend_left best_left",
    "growth": "new returning resurrecting dormant",
}
BESIDE_A_JOURNEY: Final = {"health", "cpm-10", "growth"}
JAPANESE: Final = [
    ("questionpro-6", 4, "製品およびサポートの経験"),
    ("mazrica-6", 1, "関係構築"),
    ("customer-journey-5", 4, "権利擁護段階（アドボカシー段階）"),
    ("customer-lifecycle-marketing-5", 2, "婚約（エンゲージメント）"),
    ("classic-5", 1, "対価/関心（検討・関心）"),
    ("b2b-6", 3, "製品の導入"),
    ("cpm-10", 2, "よちよち現役客"),
]

every_model = pytest.mark.parametrize("model", load_ready_models().values(), ids=lambda m: m.key)


def test_the_models_and_their_stages_are_those_of_the_articles_in_order() -> None:
    found = {
        key: " ".join(stage.id for stage in model.stages)
        for key, model in load_ready_models().items()
    }

    assert found == STAGES


def test_the_models_are_known_by_name_without_being_read() -> None:
    """A start has to know which there are, and to read none that is active already."""
    assert list(ready_model_keys()) == list(load_ready_models())


@pytest.mark.parametrize(("key", "place", "title"), JAPANESE)
def test_a_japanese_title_is_the_label_of_the_article_with_the_natural_term(
    key: str,
    place: int,
    title: str,
) -> None:
    assert load_ready_models()[key].stages[place].title["ja"] == title


@every_model
def test_everything_that_people_read_is_in_both_languages(model: Model) -> None:
    titles = [model.title, *(stage.title for stage in model.stages)]
    titles += [alert.title for alert in model.alerts]
    titles += [persona.title for persona in model.personas]
    titles += [metric.title for metric in model.metrics]

    assert all(set(title) == {"en", "ja"} for title in titles)


def test_all_models_share_one_vocabulary() -> None:
    vocabularies = {tuple(model.events.items()) for model in load_ready_models().values()}

    (vocabulary,) = vocabularies
    assert dict(vocabulary)["Order Completed"] == "order_completed"


@every_model
def test_every_event_that_a_model_reads_is_in_the_vocabulary(model: Model) -> None:
    known = declared_in(model)

    read = {name for signal in model.signals for name in signal.types}
    read |= {name for rule in model.transitions for name in rule.trigger.types}
    read |= {name for alert in model.alerts for name in alert.trigger.types}
    assert read <= known


def declared_in(model: Model) -> set[str]:
    """Return the canonical event types under `events:`, with and without other names."""
    return {*model.events.values(), *WITHOUT_OTHER_NAMES}


WITHOUT_OTHER_NAMES: Final = {
    "social_visit",
    "recommended_by_other",
    "faq_viewed",
    "question_asked",
    "question_answered",
    "review_read",
    "deal_stage_changed",
    "bad_experience_reported",
    "feature_gap_voiced",
    "renewal_reminder_sent",
    "ugc_posted",
    "affiliate_joined",
}


@every_model
def test_every_stage_has_a_measure_of_success_with_a_target(model: Model) -> None:
    measured = {metric.stage for metric in model.metrics if metric.target is not None}

    assert measured == {stage.id for stage in model.stages}


@every_model
def test_a_model_has_personas_and_alerts_that_react_and_that_foresee(model: Model) -> None:
    reactive = [alert for alert in model.alerts if alert.trigger.kind in ("on", "when")]
    proactive = [alert for alert in model.alerts if alert.trigger.kind in ("after", "at")]

    assert reactive
    assert proactive
    assert len(model.personas) >= 2


@every_model
def test_a_journey_keeps_its_line_pure(model: Model) -> None:
    """Risk and dormancy are the affair of other models, so no stage of a journey is a stop."""
    stops = [stage.id for stage in model.stages if stage.kind != "active"]

    assert bool(stops) is (model.key in BESIDE_A_JOURNEY)


@every_model
def test_nobody_is_kept_in_a_stage_for_ever_by_silence(model: Model) -> None:
    """A stage is the present state: silence leads on from every stage but the first and stops."""
    left_by_time = {
        source
        for rule in model.transitions
        if rule.trigger.kind in ("after", "at", "when")
        for source in rule.sources
    }
    resting = {"churned", "dormant"} | {
        stage.id for stage in model.stages if stage.kind != "active"
    }

    assert {s.id for s in model.stages} - left_by_time <= resting | {model.initial}
