"""Every estimator of a desk keeps the one contract of ``common/checks.py``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import bezant as bz
from bezant.types import FloatArray
from common.checks import CHECKS, Case, Check


def credit_risk(**parameters: Any) -> Any:
    training = {"max_epochs": 2, "batch_size": 128, "learning_rate": 0.01}
    given = {"time": "approved", "size": "tiny", "benchmark": False, "progress": False, "training": training}
    return bz.CreditRisk(**{**given, **parameters})


def default_probability(risk: Any, X: Any) -> FloatArray:
    return risk.predict_proba(X)[:, 1]  # type: ignore[no-any-return]


CASES = [
    Case("CreditRisk", credit_risk, default_probability),
    Case("CreditRisk-mlp", lambda **p: credit_risk(trunk="mlp", time=None, **p), default_probability),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_estimator_keeps_the_contract(case: Case, check: Check, tmp_path: Path) -> None:
    wants_folder = "folder" in inspect.signature(check).parameters
    check(case, tmp_path) if wants_folder else check(case)
