"""What the parts of a forecaster weigh before anything is seen."""

from __future__ import annotations

import pytest

from bezant.desks.markets.parts import LARGE, PRIOR, PROVEN, prior_of

NAMES = (LARGE, "gamma regression", "GJR-GARCH-t")


def test_models_of_many_parameters_are_believed_the_less_the_shorter_the_past() -> None:
    assert prior_of(NAMES, 10 * PROVEN) == prior_of(NAMES, PROVEN) == (PRIOR[LARGE], PRIOR[NAMES[1]], 1.0)
    assert prior_of(NAMES, PROVEN // 2) == pytest.approx((PRIOR[LARGE] / 2, PRIOR[NAMES[1]] / 2, 1.0))
    assert prior_of(NAMES, 10) == (1.0, 1.0, 1.0)  # never less than the others
