"""What tests of credit share: a fitted model, and boosting that is soon done."""

from __future__ import annotations

import pytest

import bezant as bz
from bezant.traditional.boosting_search import SEARCH
from bezant.traditional.gradient_boosting import GradientBoosting
from common.rows import made_up
from credit_support import credit


@pytest.fixture
def quick_boosting(monkeypatch: pytest.MonkeyPatch) -> None:
    """One configuration and few trees; the search has tests of its own."""
    defaults = GradientBoosting.__init__.__kwdefaults__
    few = {"search": SEARCH[:1], "cross_validated_rows": 0, "patience": 3, "threads": 1}
    rates = {"learning_rate": 0.3, "search_learning_rate": 0.3}
    monkeypatch.setattr(GradientBoosting.__init__, "__kwdefaults__", {**defaults, **few, **rates})


@pytest.fixture(scope="module")
def risk() -> bz.CreditRisk:
    return credit().fit(*made_up())
