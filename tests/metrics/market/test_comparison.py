import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import t

from bezant.metrics.market import ModelConfidenceSet, diebold_mariano, model_confidence_set, qlike
from bezant.metrics.market.comparison import newey_west_lags, newey_west_variance
from bezant.types import InputError, MissingExtraError
from market_files import ewma_variance, sp500


def losses() -> dict[str, np.ndarray]:
    """QLIKE of three forecasts of the S&P 500's variance on the last 2,000 days."""
    y = sp500().to_numpy()
    forecasts = {
        "slow": ewma_variance(y, 0.99), "usual": ewma_variance(y, 0.94),
        "constant": np.full(len(y), y[:-2000].var()),
    }  # fmt: skip
    return {name: qlike(y**2, f, centred=False)[-2000:] for name, f in forecasts.items()}


def test_newey_west_equals_a_double_loop() -> None:
    x = sp500().to_numpy()[:60] ** 2
    c = x - x.mean()
    slow = sum(
        max(0.0, 1 - abs(i - j) / 5) * c[i] * c[j] for i in range(len(x)) for j in range(len(x))
    ) / len(x)  # fmt: skip
    assert newey_west_variance(x, 4) == pytest.approx(slow)


def test_without_lags_the_test_is_students_with_the_small_sample_correction() -> None:
    a, b = losses()["usual"][:50], losses()["slow"][:50]
    gap, n = a - b, 50
    found = diebold_mariano(a, b, lags=0)
    slow = gap.mean() / np.sqrt(gap.var() / n) * np.sqrt((n - 1) / n)
    assert found.statistic == pytest.approx(slow)
    assert found.p_value == pytest.approx(2 * t.sf(abs(slow), n - 1))


def test_the_standard_error_equals_that_of_statsmodels() -> None:
    from statsmodels.api import OLS

    found = losses()
    gap = found["usual"] - found["constant"]
    fit = OLS(gap, np.ones(len(gap))).fit(cov_type="HAC", cov_kwds={"maxlags": 7, "use_correction": False})
    ours = diebold_mariano(found["usual"], found["constant"], horizon=5, lags=7)
    n = len(gap)
    shrink = np.sqrt((n + 1 - 10 + 20 / n) / n)
    assert ours.standard_error * shrink == pytest.approx(float(fit.bse[0]), rel=1e-9)


def test_lags_follow_the_rule_and_the_horizon() -> None:
    assert newey_west_lags(100) == 4 and newey_west_lags(1500) == 7
    x = losses()["usual"]
    assert diebold_mariano(x, x + 1e-3 * np.sin(np.arange(2000)), horizon=21).lags == 20


def test_an_adapting_forecast_beats_a_constant_one_and_the_sentence_says_so() -> None:
    found = losses()
    test = diebold_mariano(found["usual"], found["constant"])
    assert test.difference < 0 and test.p_value < 0.01
    assert test.sentence("EWMA", "a constant").startswith(
        "EWMA forecasts better than a constant (mean loss -"
    )
    back = diebold_mariano(found["constant"], found["usual"])
    assert back.sentence("a constant", "EWMA").startswith("EWMA forecasts better than a constant")


def test_a_forecast_cannot_be_told_from_itself() -> None:
    x = losses()["usual"]
    test = diebold_mariano(x, x)
    assert (test.difference, test.p_value) == (0, 1)
    assert "cannot be told apart" in test.sentence("a", "b")


def test_the_test_keeps_its_size_under_overlapping_horizons() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(400, 1004))
    gaps = sum(noise[:, k : k + 1000] for k in range(5))  # moving averages, as of a horizon of 5
    rejected = np.mean([diebold_mariano(g, np.zeros(1000), horizon=5).p_value < 0.05 for g in gaps])
    ignored = np.mean([diebold_mariano(g, np.zeros(1000), lags=0).p_value < 0.05 for g in gaps])
    assert rejected < 0.07 < 0.25 < ignored


def test_few_days_of_a_long_horizon_are_as_many_as_do_not_overlap() -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_t(5, size=(400, 237))
    gaps = sum(noise[:, k : k + 217] for k in range(21))
    found = [diebold_mariano(g, np.zeros(217), horizon=21) for g in gaps]
    assert np.mean([test.p_value < 0.05 for test in found]) < 0.09
    assert found[0].p_value == pytest.approx(2 * t.sf(abs(found[0].statistic), 9))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diebold_mariano([1.0, 2], [1.0]), "2 losses of the first and 1"),
        (lambda: diebold_mariano([1.0] * 8, [2.0] * 8, horizon=5), "8 days cannot judge a horizon of 5"),
        (lambda: diebold_mariano([1.0] * 8, [2.0] * 8, lags=8), "from 0 to 7"),
        (lambda: model_confidence_set({"a": [1.0]}), "needs two models, not 1"),
        (lambda: model_confidence_set({"a": [1.0], "b": [1.0, 2]}), "a 1, b 2"),
    ],
)
def test_losses_that_cannot_be_compared_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_the_confidence_set_is_that_of_arch() -> None:
    from arch.bootstrap import MCS

    found = losses()
    ours = model_confidence_set(found, resamples=200, random_state=3)
    test = MCS(np.stack(list(found.values()), axis=1), 0.1, reps=200, block_size=44, method="R", seed=3)
    test.compute()
    # Columns are sorted before the test, and the models keep their own p-values.
    assert {list(found)[i] for i in test.included} == set(ours.included)
    assert ours.included[0] == min(found, key=lambda name: found[name].mean())
    assert ours.sentence == "With 90 % confidence the best model is usual; thrown out: slow, constant."


def test_equal_models_stay_together_and_the_best_is_always_in() -> None:
    x = losses()["usual"]
    ours = model_confidence_set({"a": x, "b": x, "worse": x + 0.1 + 0.01 * np.sin(np.arange(2000))})
    assert ours.included == ("a", "b")
    assert ours.sentence == "With 90 % confidence the best model is one of a and b; thrown out: worse."
    assert model_confidence_set({"a": x, "b": x}).p_value.tolist() == [1, 1]
    rounded = model_confidence_set({"a": x, "b": x * (1 + 1e-15), "worse": x + 0.1 + 0.01 * x**2})
    assert rounded.p_value[:2].tolist() == [1, 1]


def test_losses_that_differ_by_rounding_alone_cannot_be_told_apart() -> None:
    random = np.random.default_rng(0)
    one = random.uniform(1, 2, 300)
    assert diebold_mariano(one, one * (1 + 1e-15 * random.normal(size=300))).p_value == 1.0


def test_parts_of_a_set_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="differ in length"):
        ModelConfidenceSet(("a",), np.ones(2), np.ones(1), 0.1)


def test_without_arch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("arch"):
            raise ImportError(name)
        return whole(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'bezant\[markets\]'"):
        model_confidence_set({"a": [1.0, 2.0], "b": [2.0, 1.0]})
