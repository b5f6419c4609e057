"""scikit-learn's own checks of an estimator.

None is excused. One skips itself, ``check_array_api_input``: it runs only where SCIPY_ARRAY_API is set
before SciPy is imported. Any other that skips itself fails here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import bezant as bz

RISK = bz.CreditRisk(size="tiny", benchmark=False, progress=False, training={"max_epochs": 3})


@parametrize_with_checks([RISK])  # type: ignore[untyped-decorator]
def test_credit_risk_passes_every_check_of_scikit_learn(estimator: Any, check: Callable[[Any], None]) -> None:
    try:
        check(estimator)
    except SkipTest as reason:
        name = getattr(getattr(check, "func", check), "__name__", str(check))
        if name != "check_array_api_input":
            pytest.fail(f"{name} was skipped: {reason}")
        raise
