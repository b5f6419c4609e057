"""``bezant predict`` with saved models of other kinds than CreditRisk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bezant
from loans import loans, run, write

FEW: dict[str, Any] = {"size": "tiny", "benchmark": False, "progress": False, "training": {"max_epochs": 1}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loans, a severity and an expected loss."""
    folder = tmp_path_factory.mktemp("losses")
    write(folder / "loans.csv", loans(400))
    frame = pd.read_csv(folder / "loans.csv")
    X, y = frame.drop(columns="default"), frame["default"]
    risk = bezant.CreditRisk(**FEW).fit(X, y)
    severity = bezant.LossSeverity(**FEW).fit(X, np.random.default_rng(0).random(len(X)))
    severity.save(folder / "severity")
    numeric = next(c for c in X.columns if X[c].dtype.kind in "iuf" and X[c].min() >= 0)
    bezant.ExpectedLoss(risk, severity, exposure=numeric).save(folder / "book")
    return folder


def test_a_severity_gives_the_fraction_lost(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "lost.csv"
    assert run("predict", str(folder / "severity"), str(folder / "loans.csv"), "--out", str(out)) == 0
    wanted = bezant.load(folder / "severity").predict(pd.read_csv(folder / "loans.csv"))
    np.testing.assert_allclose(pd.read_csv(out)["fraction_lost"], wanted, rtol=1e-6)


def test_an_expected_loss_gives_all_its_columns(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "book.csv"
    words = ("predict", str(folder / "book"), str(folder / "loans.csv"), "--out", str(out))
    assert run(*words) == 0
    wanted = bezant.load(folder / "book").predict(pd.read_csv(folder / "loans.csv"))
    pd.testing.assert_frame_equal(pd.read_csv(out), wanted, rtol=1e-6, check_dtype=False)
