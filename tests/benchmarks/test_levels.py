"""The life tables of the benchmark agree with Kaplan and Meier, and with rates that are known."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.benchmarks.levels import MONTH, life_table
from bezant.datasets import load
from bezant.histories import LabelsAsOf, labels_as_of
from bezant.metrics.survival import kaplan_meier


def test_the_life_table_of_all_years_is_kaplan_and_meiers() -> None:
    frame = load("sba-sample", raw=True)
    known = labels_as_of(frame["ApprovalDate"], frame["ChgOffDate"], cutoff="2005-01-01")
    rows = known.known
    curve = kaplan_meier(known.duration[rows], known.event[rows], np.array([12.0, 24.0, float(MONTH)]))
    np.testing.assert_allclose(life_table(known, np.inf)[[11, 23, 35]], 1 - curve, rtol=0.02, atol=1e-5)


def test_the_table_of_the_last_months_follows_a_rate_that_rose() -> None:
    rng = np.random.default_rng(0)
    n, begun = 400_000, np.linspace(0, 120, 400_000)
    first, turn = rng.exponential(1 / 0.001, n), np.maximum(96.0, begun)
    comes = np.where(begun + first < turn, begun + first, turn + rng.exponential(1 / 0.004, n))
    followed = 120 - begun
    event = comes - begun < followed
    labels = LabelsAsOf(np.ones(n, bool), event, np.minimum(comes - begun, followed), followed)
    assert life_table(labels, 24.0)[-1] == pytest.approx(1 - np.exp(-0.004 * 36), rel=0.05)
    assert life_table(labels, np.inf)[-1] < 0.8 * life_table(labels, 24.0)[-1]
