"""What the check claims of conditions holds for whatever values they meet."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cel.compiler import evaluate
from domain.cel.errors import CelError
from domain.cel.parser import parse
from domain.check.proofs import proofs_of
from domain.document import parse_model
from domain.machine import names
from tests.domain.checking import journey

MODEL = parse_model(journey(signals={"n": {"count": "x"}, "m": {"sum": "properties.v", "on": "x"}}))
ENVIRONMENT = names.of_state(names.slots(MODEL))
PROOFS = proofs_of(MODEL)

quantities = st.sampled_from(
    [
        "signals.n",
        "signals.m",
        "cycle",
        "traits.x",
        "traits.y",
        "signals.n - cycle",
        "cycle - signals.n",
        "traits.x - traits.y",
        "signals.m + 1",
        "signals.n - 2",
    ],
)
numbers = st.sampled_from(["-1", "0", "1", "1.5", "2"])
comparisons = st.builds(
    "{} {} {}".format,
    quantities,
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    numbers | quantities,
) | st.builds("{1} {2} {0}".format, quantities, numbers, st.sampled_from(["<", ">=", "=="]))
memberships = st.sampled_from(
    [
        'traits.p == "a"',
        'traits.p != "a"',
        'traits.p in ["a", "b"]',
        "traits.x in [0, 1]",
        "traits.x in [1.0, 2]",
        "traits.x in [1u]",
        "traits.p in [[1], 'a']",
        "traits.x == [1]",
        "traits.p == null",
        "traits.p != null",
        "traits.p == true",
        "has(traits.p)",
        "traits.p",
        "2 > 1",
        "false",
    ],
)
conditions = st.recursive(
    comparisons | memberships,
    lambda inner: (
        st.builds("({} && {})".format, inner, inner)
        | st.builds("({} || {})".format, inner, inner)
        | st.builds("!({})".format, inner)
    ),
    max_leaves=5,
)
small = st.integers(-2, 3)
values = st.fixed_dictionaries(
    {
        "signals": st.fixed_dictionaries({"n": st.integers(0, 3), "m": st.floats(-2, 3) | small}),
        "traits": st.dictionaries(
            st.sampled_from("xyp"),
            small | st.sampled_from([0.5, 1.5, "a", "b", "c", None, True, False]),
        ),
        "cycle": st.integers(1, 3),
    },
)


def truth(condition: str, given_values: dict[str, object]) -> object:
    """Return what *condition* says of the values; its error where it has one."""
    try:
        return evaluate(parse(condition), ENVIRONMENT, given_values)
    except CelError as error:
        return error


@settings(max_examples=150)
@given(conditions, st.lists(values, min_size=1, max_size=20))
def test_what_is_claimed_of_one_condition_is_so(
    condition: str,
    samples: list[dict[str, object]],
) -> None:
    """Never true is not true of any values, always true is not false of any."""
    expression = parse(condition)
    truths = [truth(condition, sample) for sample in samples]

    assert not (PROOFS.is_never_true(expression) and any(one is True for one in truths))
    assert not (PROOFS.is_always_true(expression) and any(one is False for one in truths))


@settings(max_examples=150)
@given(st.lists(conditions, min_size=2, max_size=4), st.lists(values, min_size=1, max_size=20))
def test_conditions_shown_to_exclude_each_other_are_never_true_together(
    several: list[str],
    samples: list[dict[str, object]],
) -> None:
    """A wrong claim here would let a model loop."""
    for one, other in combinations(several, 2):
        alternatives = [PROOFS.alternatives(parse(condition)) for condition in (one, other)]
        together = [
            sample
            for sample in samples
            if truth(one, sample) is True and truth(other, sample) is True
        ]
        assert not (PROOFS.exclude(*alternatives) and together), (one, other, together)
