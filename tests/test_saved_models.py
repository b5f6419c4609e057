"""A saved model opens in every later version: one of each format version is kept in tests/artifacts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import bezant
from bezant.artifacts import FORMAT_VERSION
from bezant.histories import read_table

KEPT = Path(__file__).parent / "artifacts"
MODELS = sorted(p for p in KEPT.iterdir() if p.is_dir() and p.name.startswith("credit-"))


def test_there_is_a_kept_model_of_every_format_version() -> None:
    assert [p.name for p in MODELS] == [f"credit-{n}" for n in range(1, FORMAT_VERSION + 1)]


@pytest.mark.parametrize("place", MODELS, ids=lambda p: p.name)
def test_a_kept_model_opens_and_gives_the_recorded_scores(place: Path) -> None:
    threads = torch.get_num_threads()
    risk = bezant.load(place)
    rows = pd.read_csv(KEPT / f"{place.name}-rows.csv", dtype=str)
    wanted = json.loads((KEPT / f"{place.name}-scores.json").read_text(encoding="utf-8"))["scores"]
    p = risk.predict_proba(rows)
    assert p.shape == (20, 2)
    np.testing.assert_allclose(p[:, 1], wanted.pop("large"), rtol=1e-5)
    assert len(np.unique(p[:, 1])) > 10  # a model that says the same of everybody would prove nothing
    typed = risk.model_.conform(read_table(rows)).table
    assert {b.name for b in risk.benchmarks_} == set(wanted)
    for benchmark in risk.benchmarks_:
        np.testing.assert_allclose(benchmark.score_table(typed), wanted[benchmark.name], rtol=1e-5)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("place", MODELS, ids=lambda p: p.name)
def test_a_kept_model_still_knows_how_it_was_made_and_judged(place: Path) -> None:
    risk = bezant.load(place)
    assert list(risk.classes_) == [0, 1]
    assert risk.schema_.time == "ApprovalDate"
    assert risk.record_.summary.rows == 2000
    assert risk.evaluation_.verdict
    assert [run.ended for run in risk.history_]
    assert risk.check_ is not None


@pytest.mark.parametrize("place", MODELS, ids=lambda p: p.name)
def test_a_kept_model_can_be_saved_again(place: Path, tmp_path: Path) -> None:
    rows = pd.read_csv(KEPT / f"{place.name}-rows.csv", dtype=str)
    risk = bezant.load(place)
    again = bezant.load(risk.save(tmp_path / "again"))
    np.testing.assert_array_equal(again.predict_proba(rows), risk.predict_proba(rows))
