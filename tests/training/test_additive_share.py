"""The additive member's share of the answer is what rows that were not learned from say of it."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.training.additive_share import FRACTION, SHARES, best_share, share_note, shared
from drawn import drawn_model


def answers(noise: tuple[float, float], n: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two models whose log-odds are off by so much, and outcomes."""
    draw = np.random.default_rng(0)
    odds = draw.normal(size=n)
    y = (draw.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    off = [odds + size * draw.normal(size=n) for size in noise]
    return 1 / (1 + np.exp(-np.array(off))), y


@pytest.mark.parametrize(("noise", "low", "high"), [((0.0, 3.0), 0, 0.02), ((3.0, 0.0), 0.98, 1.0)])
def test_the_share_follows_who_is_right(noise: tuple[float, float], low: float, high: float) -> None:
    assert low <= best_share(*answers(noise)) <= high


def test_two_that_are_equally_good_share_the_answer() -> None:
    assert best_share(*answers((0.7, 0.7))) == pytest.approx(0.5, abs=0.15)


def test_few_rows_move_it_little_and_more_of_the_same_rows_more() -> None:
    apart, y = answers((0.3, 1.5), 30)
    shares = [best_share(np.tile(apart, (1, n)), np.tile(y, n)) for n in (1, 10, 100)]
    assert 0.5 > shares[0] > shares[1] >= shares[2]
    assert shares[0] > 0.4


def test_it_is_the_mean_of_the_posterior_under_equal_odds() -> None:
    apart, y = answers((0.5, 1.0), 60)
    likelihood = [np.prod(np.where(y == 1, p, 1 - p)) for p in (shared(apart, s) for s in SHARES)]
    assert best_share(apart, y) == pytest.approx(np.average(SHARES, weights=np.power(likelihood, FRACTION)))


def test_a_network_without_an_additive_member_says_nothing_of_it() -> None:
    assert share_note(drawn_model()[0].network) == ()
    (note,) = share_note(drawn_model(additive=True)[0].network)
    assert note.startswith("50% of each answer")
