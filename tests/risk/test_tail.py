import numpy as np
import pytest
from scipy.stats import genpareto

from bezant.risk import ParetoTail, fit_tail
from bezant.types import InputError
from market_files import ewma_variance, sp500, twenty_stocks


def residual_losses() -> np.ndarray:
    y = sp500().to_numpy()
    return (-y / np.sqrt(ewma_variance(y)))[250:]


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_the_fit_is_as_likely_as_that_of_scipy(share: float) -> None:
    losses = residual_losses()
    tail = fit_tail(losses, share=share)
    excess = np.sort(losses)[::-1][: tail.exceedances] - tail.threshold
    shape, _, scale = genpareto.fit(excess, floc=0)
    ours = genpareto.logpdf(excess, tail.shape, scale=tail.scale).sum()
    assert ours >= genpareto.logpdf(excess, shape, scale=scale).sum() - 1e-3
    assert tail.shape == pytest.approx(shape, abs=0.02)


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.3])
def test_the_shape_of_a_drawn_tail_is_found(shape: float) -> None:
    drawn = genpareto.rvs(shape, size=40_000, random_state=3)
    tail = fit_tail(drawn, share=0.2)
    assert tail.shape == pytest.approx(shape, abs=4 * tail.shape_error)


def test_tails_of_twenty_stocks_are_heavy_but_have_a_variance() -> None:
    returns = twenty_stocks().to_numpy()
    losses = (-returns / np.sqrt(ewma_variance(returns)))[250:]
    shapes = [fit_tail(losses[:, i]).shape for i in range(20)]
    assert 0.0 < np.mean(shapes) < 0.4 and max(shapes) < 0.5


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.25])
def test_var_and_es_are_those_of_the_fitted_distribution(shape: float) -> None:
    tail = ParetoTail(threshold=1.5, shape=shape, scale=0.5, rows=1000, exceedances=100)
    conditional = 1 - 0.01 / 0.1
    assert tail.value_at_risk(0.99) == pytest.approx(1.5 + genpareto.ppf(conditional, shape, scale=0.5))
    grid = (np.arange(200_000) + 0.5) / 200_000 * 0.01
    slow = 1.5 + genpareto.isf(grid / 0.1, shape, scale=0.5).mean()
    assert tail.expected_shortfall(0.99) == pytest.approx(slow, rel=1e-3)


def test_risk_rises_with_the_level_and_es_is_beyond_var() -> None:
    tail = fit_tail(residual_losses())
    levels = np.linspace(0.9, 0.9999, 50)
    var, es = (
        np.array([f(level) for level in levels]) for f in (tail.value_at_risk, tail.expected_shortfall)
    )
    assert (np.diff(var) > 0).all() and (np.diff(es) > 0).all() and (es > var).all()
    assert var[0] == pytest.approx(tail.threshold, rel=1e-3)


def test_the_tail_agrees_with_the_sample_where_that_is_dense() -> None:
    losses = residual_losses()
    assert fit_tail(losses).value_at_risk(0.98) == pytest.approx(np.quantile(losses, 0.98), rel=0.03)


def test_the_sentence_names_shape_and_error() -> None:
    tail = ParetoTail(1.5, 0.2, 0.5, 1000, 100)
    assert tail.sentence == (
        "The 100 largest of 1000 losses, beyond 1.5, have a tail of shape 0.20 (standard error 0.12)."
    )


def test_too_few_losses_and_levels_out_of_reach_are_refused() -> None:
    with pytest.raises(InputError, match="of 100 losses leaves 10 in the tail"):
        fit_tail(np.arange(100.0))
    with pytest.raises(InputError, match="20 different ones"):
        fit_tail(np.ones(1000))
    with pytest.raises(InputError, match="holds 10 % of losses and 20 % are asked"):
        ParetoTail(1.5, 0.2, 0.5, 1000, 100).value_at_risk(0.8)
    with pytest.raises(InputError, match="has no ES"):
        ParetoTail(1.5, 1.2, 0.5, 1000, 100)
