"""The official conformance suite of CEL: all of it, but for the cases listed with a reason."""

import pytest

from tests.domain.cel.conformance import Case, cases, passes
from tests.domain.cel.outside_the_subset import OUTSIDE

INSIDE = [case for case in cases() if case.key not in OUTSIDE]


@pytest.mark.parametrize("case", INSIDE, ids=lambda case: case.key)
def test_a_case_of_the_subset_comes_to_what_the_specification_says(case: Case) -> None:
    assert passes(case), case.source


def test_the_subset_is_nearly_all_of_the_suite() -> None:
    assert (len(INSIDE), len(cases())) == (1045, 1077)


def test_no_case_is_left_out_that_would_pass() -> None:
    left_out = [case for case in cases() if case.key in OUTSIDE]

    assert [case.key for case in left_out if passes(case)] == []


def test_every_case_left_out_is_in_the_suite() -> None:
    assert OUTSIDE.keys() <= {case.key for case in cases()}
