"""Means weighed by past origins: equal where nothing is known, shrunk to no change where nothing is sure."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from bezant.histories.market import Bars, read_bars
from bezant.traditional.markets import Autoregression, WeighedMeans
from bezant.traditional.markets.weighed_means import CHANCE, _Believed, _said, _weights, shrunk_share
from bezant.types import InputError
from market_support import cached


def values(changes: np.ndarray, *, later: int = 0) -> Bars:
    """Return series of these changes, shape (m, k), the last of them shifted by some months."""
    months = (np.datetime64("1950-01", "M") + np.arange(len(changes))).astype("datetime64[us]")
    parts = [
        pa.table(
            {
                "asset": [f"s{k}"] * len(changes),
                "time": months + np.timedelta64(1 if k and later else 0, "D"),
                "rate": np.cumsum(own),
            }
        )
        for k, own in enumerate(changes.T)
    ]
    return read_bars(pa.concat_tables(parts), value="rate", change="difference")


def remembering(rows: int, memory: float, seed: int = 0) -> np.ndarray:
    shocks = np.random.default_rng(seed).normal(size=(rows, 2))
    changes = np.zeros((rows, 2))
    for t in range(1, rows):
        changes[t] = memory * changes[t - 1] + shocks[t]
    return changes


def test_a_rate_without_memory_stays_where_it_is_and_that_is_said() -> None:
    bars = values(remembering(240, 0.0))
    model = WeighedMeans().fit(bars, horizons=(1, 4))
    found = model.forecast(bars, bars.offsets[1:] - 1)
    assert np.all(found.mean == 0.0)
    np.testing.assert_allclose(found.variance[:, 0], 1.0, rtol=0.5)
    assert "nothing of it held, so that no change is forecast" in model.notes_[0]


def test_a_rate_that_remembers_is_foreseen_nearly_as_its_law_says() -> None:
    bars = values(remembering(400, 0.7))
    rows = np.concatenate([start + np.arange(100, 390) for start in bars.offsets[:-1]])
    found = WeighedMeans().fit(bars, horizons=(1,)).forecast(bars, rows)
    last = bars.returns[rows]
    slope = float(last @ found.mean[:, 0] / (last @ last))
    assert slope == pytest.approx(0.7, abs=0.1)


def test_weights_are_equal_under_a_strong_pull_and_the_best_parts_without_one() -> None:
    products = np.array([[1.0, 0.0], [0.0, 3.0]])
    np.testing.assert_allclose(_weights(products, 1e6), [0.5, 0.5], atol=1e-4)
    # Errors without correlation: weights are as one over the mean square.
    np.testing.assert_allclose(_weights(products, 0.0), [0.75, 0.25], atol=1e-3)


def test_a_mean_is_believed_by_its_slope_and_not_below_the_error_of_chance() -> None:
    mean = np.random.default_rng(0).normal(size=4000)
    noise = np.random.default_rng(1).normal(size=4000)
    assert shrunk_share(mean, 0.5 * mean + 0.01 * noise, 1) == pytest.approx(0.5, abs=1e-3)
    assert shrunk_share(mean, 3 * mean + 0.01 * noise, 1) == pytest.approx(1.0, abs=1e-3)
    assert shrunk_share(mean, -mean, 1) == 0.0
    assert shrunk_share(0 * mean, noise, 1) == 0.0
    error = np.sqrt(np.sum((mean * noise) ** 2)) / (mean @ mean)
    noise -= mean * (mean @ noise) / (mean @ mean)
    below, above = 0.99 * np.sqrt(CHANCE) * error, 1.05 * np.sqrt(CHANCE) * error
    assert shrunk_share(mean, below * mean + noise, 1) == 0.0
    assert 0 < shrunk_share(mean, above * mean + noise, 1) < 0.2 * above
    assert shrunk_share(mean, above * mean + noise, 4) == 0.0  # four that overlap are one


def test_assets_at_other_times_are_taken_one_by_one_and_that_is_said() -> None:
    bars = values(remembering(200, 0.5), later=1)
    model = WeighedMeans().fit(bars, horizons=(1,))
    assert list(model.parts_) == ["autoregression"]
    assert "different times" in model.notes_[1]


def test_an_asset_alone_is_answered_without_the_vector_autoregressions() -> None:
    bars = values(remembering(200, 0.5))
    model = WeighedMeans().fit(bars, horizons=(1,))
    own = bars.only("s1")
    rows = np.array([len(own) - 1])
    found = model.forecast(own, rows).mean[0, 0]
    weight = model.believed_["s1"].weights[0]
    alone = Autoregression(tightness=0.2).fit(bars, horizons=(1,)).forecast(own, rows).mean[0, 0]
    last = own.returns[-1]
    expected = (weight[0] * alone + weight[4] * last) / (weight[0] + weight[3:].sum())
    assert found == pytest.approx(expected * model.believed_["s1"].share[0])


def test_the_note_says_in_plain_words_how_much_of_the_mean_is_forecast() -> None:
    one = np.array([0.5])
    sure, half, none = (_Believed(one[None], np.array([a, b]), one) for a, b in ((1, 0.9), (0.55, 0), (0, 0)))
    assert _said({"a": sure}, (1, 4)) == "100% of it is forecast over 1 bar, 90% over 4 bars"
    both = "55% to 100% of it is forecast over 1 bar, 0% to 90% over 4 bars"
    assert _said({"a": sure, "b": half}, (1, 4)) == both
    assert _said({"a": sure, "b": half, "c": none}, (1, 4)) == (
        f"{both}; nothing of it held for c, where no change is forecast"
    )
    told = WeighedMeans().fit(values(remembering(200, 0.8)), horizons=(1,)).notes_[0]
    assert "VAR" not in told and "two of all series together" in told
    apart = WeighedMeans().fit(values(remembering(200, 0.8), later=1), horizons=(1,)).notes_[0]
    assert "average of an autoregression, no change and the last change again" in apart


def test_short_series_are_refused() -> None:
    with pytest.raises(InputError, match="Weighed means needs 60 bars"):
        WeighedMeans().fit(values(remembering(55, 0.5)), horizons=(1, 4))


def test_the_bill_rate_is_left_where_it_is() -> None:
    bars = read_bars(cached("us-macro"), asset=None, value="tbilrate", change="difference")
    model = WeighedMeans().fit(bars, horizons=(1, 4))
    assert not model.believed_["tbilrate"].share.any()
    assert model.notes_[0].endswith("were not foretold: nothing of it held, so that no change is forecast.")
