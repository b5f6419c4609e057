"""The benchmark of demand prints what the models give."""

from __future__ import annotations

import numpy as np
import pytest

from bezant import datasets
from bezant.benchmarks import demand
from bezant.datasets.cache import cached_path
from bezant.traditional.demand import Demand


def test_the_mean_of_two_answers_lies_between_them():
    names = np.arange(2)
    one = Demand(names, np.array([1.0, 0.0]), np.array([10.0, 0.0]), np.array([1.0, 0.0]))
    other = Demand(names, np.array([0.0, 2.0]), np.array([0.0, 4.0]), np.array([0.5, 0.5]))
    both = demand.mean(one, other)
    assert both.count.tolist() == [0.5, 1.0]
    assert both.spend.tolist() == [5.0, 2.0]
    assert both.active.tolist() == [0.75, 0.25]


def test_the_table_has_a_line_for_every_model(monkeypatch):
    if not cached_path(datasets.DATASETS["cdnow-sample"], raw=False).exists():
        pytest.skip("cdnow-sample is not in the cache")
    monkeypatch.setattr(demand, "MODELS", {"BG/NBD": demand.bg_nbd, "Pareto/NBD": demand.pareto_nbd})
    monkeypatch.setattr(demand, "BLENDED", ("BG/NBD", "Pareto/NBD"))
    lines = list(demand.demand("cdnow-sample"))
    assert [line.split("  ")[0].strip() for line in lines[2:4]] == ["BG/NBD", "Pareto/NBD"]
    assert "1.6080  0.7569" in lines[2]  # BG/NBD on the published tenth
    assert "2,357 customers" in lines[-1]
