"""What is remembered of models that were tried."""

from dataclasses import replace

from projections.backtesting.trials import Backtest, tried_at

TRIED = Backtest(
    tenant="default",
    id="bt_1",
    model="shop",
    hash="abc",
    document="{}",
    accounts=0,
    against=None,
    against_version=None,
    as_of=0,
    news_since=0,
    sample="1",
    known_at=0,
    end=0,
    total=0,
    started_at=0,
    status="done",
    finished_at=20,
)


def test_a_document_was_tried_when_a_trial_of_it_last_came_to_its_end() -> None:
    others = (
        replace(TRIED, finished_at=10),
        replace(TRIED, finished_at=30, status="failed"),
        replace(TRIED, finished_at=40, hash="other"),
        replace(TRIED, finished_at=50, model="other"),
    )

    assert tried_at([TRIED, *others], "shop", "abc") == 20
    assert tried_at(others[1:], "shop", "abc") is None
