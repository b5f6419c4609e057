"""The benchmark of drift walks over real loans and says of the warm start what the figures say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bezant.benchmarks import drift
from bezant.datasets import load
from bezant.desks.walk.forward import WalkForward, YearFigures


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    frame = load("sba-sample", raw=True)
    frame = frame[~((frame["default"] == 1) & frame["ChgOffDate"].isna())].assign(Name="")
    monkeypatch.setattr(drift, "loans", lambda: frame[frame["ApprovalDate"] >= "1990-01-01"])
    return frame


def test_defaults_within_36_months_are_known_after_36_months(
    sample: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "POLICIES", ("frozen", "refitted"))  # too few defaults for LightGBM
    said: list[str] = []
    walked = drift.walk(36, 3000, tmp_path, last=1995, size="tiny", say=said.append)
    assert walked.policies == drift.POLICIES
    assert len(said) == 2
    fiscal = (sample["ApprovalDate"] + pd.DateOffset(months=3)).dt.year == 1995
    rows = sample[fiscal]
    months = (rows["ChgOffDate"] - rows["ApprovalDate"]).dt.days / (365.25 / 12)
    assert walked.figures[0].rows == fiscal.sum()
    assert walked.figures[0].observed == pytest.approx((months <= 36).mean())


def figures(year: int, policy: str, loss: float, seconds: float) -> YearFigures:
    return YearFigures(year, policy, 1000, 0.7, loss, 0.05, 0.04, 0.01, seconds)


def test_the_page_counts_years_in_which_the_warm_start_was_worse() -> None:
    rows = []
    for year, updated in ((1995, 0.2), (1996, 0.21), (1997, 0.19)):
        rows += [figures(year, "updated", updated, 2.0), figures(year, "refitted", 0.2, 10.0)]
    text = drift.page(WalkForward(tuple(rows)), "Walk")
    assert "| 1996 | 1,000 | 0.050 | 0.700 / 0.210 | 0.700 / 0.200 |" in text
    assert "Updating cost 0.20 of refitting" in text
    assert "its log loss was worse in 1 of 2 years (1996), its AUC lower in 0 (none)" in text
