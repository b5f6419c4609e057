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
    assert (judge.within == (months <= 36).to_numpy()).all()
    assert (judge.ever == rows["default"]).all()
    assert not {"Term", "ChgOffDate", "MIS_Status", "default"} & set(judge.X.columns)


def test_every_kind_of_labels_has_its_row(sample: pd.DataFrame) -> None:
    settings = {"size": "tiny", "training": {"max_epochs": 1}, "random_state": 0}
    lines = list(timing.compare("2004-01-01", 2000, **settings))
    cells = {c[1].strip(): c for line in lines[1:] for c in [line.split("|")]}
    hazards = [f"hazard to {m} months" for m in (36, 120)]
    rivals = [f"{h}, {model}" for h in hazards for model in ("bezant", "Kaplan-Meier", "Logistic hazard")]
    assert list(cells) == ["seasoned", *rivals, "as known", "hindsight"]
    events = {name: int(c[3].replace(",", "")) for name, c in cells.items()}
    assert events["hindsight"] > events["as known"] >= events[rivals[3]] > events[rivals[0]]
    assert events[rivals[0]] >= events["seasoned"]  # young loans' defaults count too
    assert float(cells[rivals[1]][5]) == 0.5  # one curve for everybody ranks nobody
