"""Distributions of fractions: quantiles against a slow inverse, levels that keep their promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from bezant.network.fractions import FractionDistribution, LevelMap, checked_levels
from bezant.types import FloatArray, InputError


def some(rows: int = 40, cells: int = 6, seed: int = 0) -> FractionDistribution:
    draw = np.random.default_rng(seed)
    edges = np.concatenate([[0.0], np.sort(draw.random(cells - 1)), [1.0]])
    return FractionDistribution(draw.dirichlet(np.full(cells + 2, 0.7), rows), edges)


def distribution_function(cells: FloatArray, edges: FloatArray, y: float) -> float:
    """The share at or below y, summed cell by cell."""
    total = cells[0] + (cells[-1] if y >= 1 else 0.0)
    for p, low, high in zip(cells[1:-1], edges[:-1], edges[1:], strict=True):
        total += p * min(max((y - low) / (high - low), 0.0), 1.0)
    return float(total)


def test_a_quantile_is_the_least_fraction_with_that_much_below_it() -> None:
    predicted, levels = some(), np.array([0.01, 0.2, 0.5, 0.77, 0.99])
    found = predicted.quantiles(levels)
    for i in range(len(predicted)):
        for j, level in enumerate(levels):
            at = distribution_function(predicted.cells[i], predicted.edges, found[i, j])
            assert at >= level - 1e-9
            if found[i, j] > 1e-9:
                below = distribution_function(predicted.cells[i], predicted.edges, found[i, j] - 1e-9)
                assert below <= level + 1e-6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.floats(0.001, 0.999), min_size=2, max_size=8))
def test_quantiles_never_cross_and_stay_between_nought_and_one(seed: int, levels: list[float]) -> None:
    found = some(5, 5, seed).quantiles(np.sort(levels))
    assert np.all(np.diff(found, axis=1) >= 0)
    assert np.all((found >= 0) & (found <= 1))


def test_levels_are_uniform_where_the_distribution_is_right_atoms_included() -> None:
    predicted = FractionDistribution(np.tile([0.3, 0.2, 0.1, 0.4], (20_000, 1)), np.array([0.0, 0.5, 1.0]))
    draw = np.random.default_rng(0).random(20_000)
    y = predicted.quantiles(draw[:, None])[:, 0]
    levels = predicted.levels_of(y, random_state=1)
    assert_allclose(np.histogram(levels, 10, (0, 1))[0] / 20_000, 0.1, atol=0.01)
    inside = (y > 0) & (y < 1)
    assert_allclose(levels[inside], draw[inside], atol=1e-9)


def test_the_level_map_mends_intervals_of_wrong_distributions() -> None:
    draw = np.random.default_rng(1)
    predicted = FractionDistribution(
        np.tile([0.0, 0.1, 0.8, 0.1, 0.0], (4000, 1)), np.array([0, 0.4, 0.6, 1.0])
    )
    y = draw.beta(0.6, 0.5, 4000)  # far wider than predicted
    learned = LevelMap.learn(_levels(predicted, y[:2000]))
    low, high = predicted.quantiles(learned([0.1, 0.9]))[:2000].T
    held = np.mean((y[2000:] >= low) & (y[2000:] <= high))
    assert held == pytest.approx(0.8, abs=0.03)
    plain = predicted.quantiles([0.1, 0.9])[0]
    assert np.mean((y >= plain[0]) & (y <= plain[1])) < 0.5


def _levels(predicted: FractionDistribution, y: FloatArray) -> FloatArray:
    return FractionDistribution(predicted.cells[: len(y)], predicted.edges).levels_of(y)


def test_the_identity_changes_nothing() -> None:
    assert_allclose(LevelMap.identity()([0.1, 0.5, 0.9]), [0.1, 0.5, 0.9])


def test_what_is_no_level_is_refused() -> None:
    for wrong in ([], [0.0], [0.5, 1.0], [[0.1]]):
        with pytest.raises(InputError, match="between 0 and 1"):
            checked_levels(wrong)
    assert checked_levels(0.5).tolist() == [0.5]
    with pytest.raises(ValueError, match="does not decrease"):
        LevelMap(np.array([0.0, 0.6, 0.5]))
    with pytest.raises(ValueError, match="do not fit"):
        FractionDistribution(np.ones((2, 3)), np.array([0.0, 1.0, 1.0]))
