import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from bezant.metrics import CLASSIFICATION
from bezant.metrics import classification as c
from bezant.types import InputError
from independent import SLOW_FIGURES, slow_recalibration

Y = [0, 0, 1, 0, 1, 1]
P = [0.1, 0.4, 0.35, 0.4, 0.8, 0.4]


def rows(n: int = 400, seed: int = 0, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n) - 1.5
    y = (rng.random(n) < 1 / (1 + np.exp(-1.3 * z))).astype(int)
    p = 1 / (1 + np.exp(-z))
    return y, np.round(p, 1) * 0.98 + 0.01 if ties else p


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", sorted(CLASSIFICATION))
def test_every_figure_equals_its_slow_definition(name: str, ties: bool) -> None:
    y, p = rows(ties=ties)
    slow = SLOW_FIGURES[name](y.tolist(), p.tolist())
    assert CLASSIFICATION[name].function(y, p) == pytest.approx(slow, abs=1e-9)


@pytest.mark.parametrize("ties", [False, True])
def test_figures_equal_those_of_scikit_learn(ties: bool) -> None:
    y, p = rows(5000, ties=ties)
    assert c.roc_auc(y, p) == pytest.approx(sk.roc_auc_score(y, p), abs=1e-12)
    assert c.average_precision(y, p) == pytest.approx(sk.average_precision_score(y, p), abs=1e-12)
    assert c.log_loss(y, p) == pytest.approx(sk.log_loss(y, p), abs=1e-12)
    assert c.brier(y, p) == pytest.approx(sk.brier_score_loss(y, p), abs=1e-12)


def test_ks_equals_the_two_sample_statistic_of_scipy() -> None:
    from scipy.stats import ks_2samp

    y, p = rows(ties=True)
    assert c.ks(y, p) == pytest.approx(ks_2samp(p[y == 1], p[y == 0]).statistic, abs=1e-12)


def test_recalibration_equals_an_unpenalised_logistic_regression() -> None:
    y, p = rows(3000)
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(c.logits(p)[:, None], y)
    assert c.logistic_recalibration(y, p) == pytest.approx(
        (fitted.intercept_[0], fitted.coef_[0, 0]), abs=1e-5
    )


def test_golden_values_worked_by_hand() -> None:
    # events 0.35, 0.4, 0.8 against 0.1, 0.4, 0.4: 1 + (1 + 0.5 + 0.5) + 3 of 9 pairs
    assert c.roc_auc(Y, P) == pytest.approx(6 / 9)
    assert c.gini(Y, P) == pytest.approx(3 / 9)
    assert c.ks(Y, P) == pytest.approx(1 / 3)
    # 0.8: recall 1/3, precision 1; 0.4: 2/3, 2/4; 0.35: 1, 3/5
    assert c.average_precision(Y, P) == pytest.approx((1 + 0.5 + 0.6) / 3)
    assert c.brier(Y, P) == pytest.approx((0.01 + 0.16 + 0.65**2 + 0.16 + 0.04 + 0.36) / 6)
    assert c.log_loss([1, 0], [0.25, 0.5]) == pytest.approx((math.log(4) + math.log(2)) / 2)
    # two bins of two rows: |0.3 - 0| and |1.5 - 1|, over four rows
    assert c.expected_calibration_error([0, 0, 1, 0], [0.1, 0.2, 0.7, 0.8], bins=2) == pytest.approx(0.2)
    # the highest third: 0.8 and one of the three at 0.4, of which one is an event: (1 + 1/3) / 2 over 1/2
    assert c.lift(Y, P, share=1 / 3) == pytest.approx((4 / 3 / 2) / 0.5)


def test_perfect_ranking_and_its_reverse() -> None:
    assert c.roc_auc([0, 0, 1], [0.1, 0.2, 0.3]) == 1
    assert c.roc_auc([1, 0, 0], [0.1, 0.2, 0.3]) == 0
    assert c.ks([0, 0, 1], [0.1, 0.2, 0.3]) == c.ks([1, 0, 0], [0.1, 0.2, 0.3]) == 1


def test_a_constant_score_ranks_by_chance_and_has_no_slope() -> None:
    y, p = [0, 1, 0, 1], [0.3] * 4
    assert c.roc_auc(y, p) == 0.5
    assert c.ks(y, p) == 0
    assert c.average_precision(y, p) == 0.5
    assert math.isnan(c.calibration_slope(y, p))


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_class_gives_nan_for_ranking_figures_and_a_value_for_losses(outcome: int) -> None:
    y, p = [outcome] * 5, [0.1, 0.2, 0.3, 0.4, 0.5]
    for name in ("roc_auc", "gini", "ks", "average_precision", "calibration_slope", "calibration_intercept"):
        assert math.isnan(CLASSIFICATION[name].function(y, p)), name
    for name in ("log_loss", "brier", "expected_calibration_error"):
        assert math.isfinite(CLASSIFICATION[name].function(y, p)), name


def test_separated_classes_have_no_slope_but_an_intercept() -> None:
    y, p = [0, 0, 1, 1], [0.1, 0.2, 0.2, 0.4]
    assert math.isnan(c.calibration_slope(y, p))
    assert c.calibration_intercept(y, p) == pytest.approx(slow_recalibration(y, p, slope=1.0)[0])


def test_certain_and_wrong_probabilities_cost_a_lot_but_not_infinity() -> None:
    assert c.log_loss([1], [0.0]) == pytest.approx(sk.log_loss([1], [0.0], labels=[0, 1]))
    assert math.isfinite(c.calibration_slope([0, 1, 1, 0], [0.0, 1.0, 0.0, 1.0]))


def test_slope_of_overconfident_probabilities_is_recovered() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=200_000) - 2
    y = rng.random(len(z)) < 1 / (1 + np.exp(-z))
    intercept, slope = c.logistic_recalibration(y, 1 / (1 + np.exp(-2 * z)))
    assert slope == pytest.approx(0.5, abs=0.01)
    assert intercept == pytest.approx(0, abs=0.03)


def test_equal_mass_bins_hold_the_same_number_of_rows() -> None:
    p = np.random.default_rng(0).random(1003)
    counts = np.bincount(np.searchsorted(c.equal_mass_edges(p, 10), p))
    assert len(counts) == 10
    assert counts.max() - counts.min() <= 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=40), st.randoms())
def test_the_order_of_rows_never_matters_and_figures_stay_in_bounds(pairs, random) -> None:  # type: ignore[no-untyped-def]
    mixed = list(pairs)
    random.shuffle(mixed)
    for name in ("roc_auc", "ks", "average_precision", "expected_calibration_error", "brier"):
        values = [
            CLASSIFICATION[name].function([a for a, _ in some], [b / 20 for _, b in some])
            for some in (pairs, mixed)
        ]
        assert values[0] == pytest.approx(values[1], abs=1e-12, nan_ok=True)
        assert math.isnan(values[0]) or -1e-12 <= values[0] <= 1 + 1e-12


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0.01, 0.99)), min_size=2, max_size=40))
def test_a_rising_transformation_does_not_change_the_ranking(pairs) -> None:  # type: ignore[no-untyped-def]
    y = [a for a, _ in pairs]
    p = np.array([round(b, 3) for _, b in pairs])
    for figure in (c.roc_auc, c.ks, c.average_precision):
        assert figure(y, p) == pytest.approx(figure(y, 100 * p - 3), nan_ok=True)
    if 0 < sum(y) < len(y):
        assert c.roc_auc(y, p) + c.roc_auc(y, -p) == pytest.approx(1)


@pytest.mark.parametrize(
    ("y", "p", "said"),
    [
        ([0, 1], [0.1], "The outcome has 2 rows and the score 1"),
        ([0, 2], [0.1, 0.2], "neither 0 nor 1 in 1 of 2 rows, such as 2"),
        ([0, 1], [0.1, math.nan], "missing or infinite in 1 of 2 rows"),
        ([0, 1], [0.1, 1.5], "outside 0 to 1 in 1 of 2 rows, such as 1.5"),
        ([], [], "has no rows"),
        (["a", "b"], [0.1, 0.2], "does not hold numbers"),
        ([[0], [1]], [0.1, 0.2], "one value a row"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(y: list, p: list, said: str) -> None:
    with pytest.raises(InputError, match=said):
        c.log_loss(y, p)


def test_bad_options_are_refused() -> None:
    with pytest.raises(InputError, match="0 bins"):
        c.expected_calibration_error(Y, P, bins=0)
    with pytest.raises(InputError, match="not at 2"):
        c.lift(Y, P, share=2)
