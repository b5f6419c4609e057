"""Boosted corrections start from what was expected, find what was missed, and can be saved."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.traditional.demand import BoostedCorrections
from bezant.types import InputError


def rows(n: int = 6000):
    """Half of the customers buy twice as often, and for three times as much, as was expected of all."""
    rng = np.random.default_rng(0)
    x = rng.random((n, 4))
    more = x[:, 1] > 0.5
    rate = np.where(more, 1.0, 0.5)
    count = rng.poisson(rate).astype(float)
    amount = rng.gamma(8.0, np.where(more, 30.0, 10.0) / 8.0)
    expected = np.log([0.5, np.expm1(0.5), 10.0])
    offsets = np.tile(expected, (n, 1))
    return x, offsets, count, amount, more


def test_what_was_missed_is_found_and_what_was_right_stays():
    x, offsets, count, amount, more = rows()
    found = BoostedCorrections(trees=100, learning_rate=0.1).fit(x, offsets, count, amount).predict(x)
    assert found.shape == (len(x), 3)
    np.testing.assert_allclose(
        found[more].mean(0), np.log([2.0, np.expm1(1.0) / np.expm1(0.5), 3.0]), atol=0.15
    )
    np.testing.assert_allclose(found[~more].mean(0), 0.0, atol=0.15)


def test_amounts_of_who_bought_nothing_are_not_read():
    x, offsets, count, amount, _ = rows()
    wild = np.where(count > 0, amount, 1e9)
    one, other = (BoostedCorrections(trees=20).fit(x, offsets, count, a).predict(x) for a in (amount, wild))
    np.testing.assert_array_equal(one, other)


def test_too_few_rows_correct_nothing_and_a_saved_one_says_the_same():
    x, offsets, count, amount, _ = rows(900)
    count[:600] = 0
    fitted = BoostedCorrections(trees=20).fit(x, offsets, count, amount)
    found = fitted.predict(x)
    assert (found[:, 2] == 0).all()
    assert found[:, 0].any()
    np.testing.assert_array_equal(BoostedCorrections.restore(fitted.texts()).predict(x), found)
    with pytest.raises(InputError, match="not fitted"):
        BoostedCorrections().predict(x)
