"""Records that are planted are those that are said to be, and every way stands in the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bezant.benchmarks import surprise
from bezant.datasets import load


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    return surprise.ordered(load("cdnow-sample")).head(2000)


@pytest.mark.parametrize("kind", list(surprise.PLANTS))
def test_only_what_is_planted_is_changed(kind: str, events: pd.DataFrame) -> None:
    changed, planted = surprise.PLANTS[kind](events, np.random.default_rng(0))
    assert 20 < planted.sum() < 120
    kept = changed[planted == 0].reset_index(drop=True)
    if len(changed) == len(events):
        pd.testing.assert_frame_equal(kept, events[planted == 0].reset_index(drop=True), check_dtype=False)
    else:
        pd.testing.assert_frame_equal(kept, events.reset_index(drop=True), check_dtype=False)
    pd.testing.assert_frame_equal(changed, surprise.ordered(changed))


def test_the_table_has_every_model_and_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    class Quick(surprise.HistoryModel):  # type: ignore[misc]
        def __init__(self, **given: object) -> None:
            super().__init__(**given, training={"max_epochs": 1})  # type: ignore[arg-type]

    monkeypatch.setattr(surprise, "HistoryModel", Quick)
    lines = list(surprise.compare("cdnow-sample", 300, "tiny", 1))
    assert len(lines) == 6
    assert all(line.count("|") == 5 for line in lines[1:])
    tenfold = {line.split("|")[1].strip(): float(line.split("|")[2]) for line in lines[3:]}
    assert tenfold["robust z-score of the amount"] > 0.8
