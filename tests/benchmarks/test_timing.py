"""The benchmark of as-of labels runs, and judges by what came."""

from __future__ import annotations

import pandas as pd
import pytest

from bezant.benchmarks import timing
from bezant.datasets import load


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    frame = load("sba-sample", raw=True).sample(9000, random_state=0)
    frame = frame[~((frame["default"] == 1) & frame["ChgOffDate"].isna())].assign(Name="")
    monkeypatch.setattr(timing, "loans", lambda: frame)
    return frame


def test_the_judge_knows_what_came_and_no_input_does(sample: pd.DataFrame) -> None:
    judge = timing.Judge(sample, "2004-01-01")
    rows = sample[sample["ApprovalDate"].dt.year == 2004]
    months = (rows["ChgOffDate"] - rows["ApprovalDate"]).dt.days / (365.25 / 12)
    for month, within in judge.within.items():
        assert (within == (months <= month).to_numpy()).all()
    assert not {"Term", "ChgOffDate", "MIS_Status", "default"} & set(judge.X.columns)


def test_every_kind_of_labels_has_its_row(sample: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"size": "tiny", "training": {"max_epochs": 1}, "random_state": 0}
    monkeypatch.setattr(timing, "FEWEST", 20)
    lines = list(timing.compare("2004-01-01", 4000, **settings))[1:]
    cells = {(c[1].strip(), int(c[2])): [x.strip() for x in c] for line in lines for c in [line.split("|")]}
    names = ["bezant", "Kaplan-Meier", "Logistic hazard", "bezant, level of all years"]
    kinds = [*(f"hazard, {n}" for n in names), "seasoned", "as known", "hindsight"]
    assert set(cells) == {(kind, month) for kind in kinds for month in (12, 24, 36)}
    events = {place: int(c[4].replace(",", "")) for place, c in cells.items()}
    assert events["hindsight", 36] > events["as known", 36] >= events["seasoned", 36]
    assert events["as known", 36] == events["hazard, bezant", 36]  # young loans' defaults count too
    assert float(cells["hazard, Kaplan-Meier", 36][6]) == 0.5  # one curve for everybody ranks nobody
    assert cells["seasoned", 12][7] == "too few"
    for kind in kinds[:4]:
        assert [float(cells[kind, m][5]) for m in (12, 24, 36)] == sorted(
            float(cells[kind, m][5]) for m in (12, 24, 36)
        )
