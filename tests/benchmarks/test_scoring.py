"""What the benchmark of scoring measures, on a saved model of real loans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import bezant
from bezant.benchmarks import scoring
from bezant.histories import read_table
from bezant.types import InputError

MODEL = Path(__file__).parents[1] / "artifacts" / "credit-1"


def test_it_measures_every_model_on_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "APPLICATIONS", 20)
    table = read_table(bezant.datasets.load("sba-sample").drop(columns="default")).slice(0, 500)
    threads = torch.get_num_threads()
    found = scoring.scoring_speed(bezant.load(MODEL), table, threads=1, rounds=2)
    assert torch.get_num_threads() == threads
    assert set(found.rates) == {"bezant", "ONNX", "LightGBM"} and min(found.rates.values()) > 0
    assert found.rows == 500
    assert 0 < found.onnx_difference < 1e-5
    assert 0 < found.application_ms[0] <= found.application_ms[1]
    assert "bezant / LightGBM" in str(found)
    assert str(replace(found, threads=2)).startswith("2 threads, 500 rows")


def test_without_lightgbm_there_is_nothing_to_compare() -> None:
    risk = bezant.load(MODEL)
    risk.benchmarks_ = ()
    with pytest.raises(InputError, match="no LightGBM beside it"):
        scoring.scoring_speed(risk, read_table({"State": ["NY"]}), threads=1)
