"""scikit-learn's own checks of an estimator; none is excused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

import bezant as bz

RISK = bz.CreditRisk(size="tiny", benchmark=False, progress=False, training={"max_epochs": 3})


@parametrize_with_checks([RISK])  # type: ignore[untyped-decorator]
def test_credit_risk_passes_every_check_of_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        check(estimator)
