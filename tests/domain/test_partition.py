"""One call folds a stretch of the log, subject by subject."""

from domain.document import parse_model
from domain.events import Event
from domain.machine import compile_model
from domain.partition import fold_partition

DAY = 86_400_000_000

SHOP = compile_model(
    parse_model(
        {
            "model": "shop",
            "initial": "lead",
            "stages": [{"id": "lead"}, {"id": "customer"}, {"id": "gone", "kind": "stopped"}],
            "transitions": [
                {"id": "bought", "from": "lead", "to": "customer", "on": "ordered"},
                {"id": "silent", "from": "customer", "to": "gone", "after": "30d"},
            ],
        }
    )
)

ROWS = [
    ("ann", Event(1, 0, "visited", "a1")),
    ("ann", Event(4, 2 * DAY, "ordered", "a2")),
    ("bob", Event(2, DAY, "ordered", "b1")),
    ("bob", Event(3, 90 * DAY, "visited", "b2")),
]


def test_each_subject_is_folded_as_if_alone() -> None:
    folded = list(fold_partition(SHOP, ROWS))

    assert [one.subject for one in folded] == ["ann", "bob"]
    for one in folded:
        state, transitions = SHOP.fold([event for name, event in ROWS if name == one.subject])
        assert SHOP.encode(one.state) == SHOP.encode(state)
        assert list(one.transitions) == transitions


def test_as_of_passes_later_events_over_and_lets_time_run() -> None:
    stages = {one.subject: one.state.stage_id for one in fold_partition(SHOP, ROWS, 31 * DAY)}

    assert stages == {"ann": "customer", "bob": "gone"}


def test_a_deadline_is_due_at_its_very_instant() -> None:
    (ann, _) = fold_partition(SHOP, ROWS, 32 * DAY)

    assert ann.state.stage_id == "gone"
    assert ann.transitions[-1].effective_at == 32 * DAY
