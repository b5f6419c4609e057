import math

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics as sk

from bezant.metrics import REGRESSION
from bezant.metrics import regression as r
from bezant.types import InputError
from independent import SLOW_FIGURES, slow_ranks


def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y = np.round(rng.random(300), 2)
    return y, np.round(y + rng.normal(size=300) * 0.3, 1)


@pytest.mark.parametrize("name", sorted(REGRESSION))
def test_every_figure_equals_its_slow_definition(name: str) -> None:
    y, f = rows()
    assert REGRESSION[name].function(y, f) == pytest.approx(SLOW_FIGURES[name](y.tolist(), f.tolist()))


def test_figures_equal_those_of_other_libraries() -> None:
    y, f = rows()
    assert r.mae(y, f) == pytest.approx(sk.mean_absolute_error(y, f))
    assert r.rmse(y, f) == pytest.approx(sk.root_mean_squared_error(y, f))
    assert r.r2(y, f) == pytest.approx(sk.r2_score(y, f))
    assert r.spearman(y, f) == pytest.approx(spearmanr(y, f).statistic)


def test_golden_values_worked_by_hand() -> None:
    assert r.mae([1, 2, 3], [1, 1, 5]) == 1
    assert r.rmse([1, 2, 3], [1, 1, 5]) == pytest.approx(math.sqrt(5 / 3))
    assert r.r2([1, 2, 3], [1, 1, 5]) == pytest.approx(1 - 5 / 2)
    assert r.spearman([1, 2, 3], [10, 20, 15]) == pytest.approx(0.5)


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    values = [3.0, 1.0, 3.0, 2.0, 3.0]
    assert r.midranks(values).tolist() == slow_ranks(values) == [4, 1, 4, 2, 4]


def test_constant_outcomes_have_no_variance_to_explain() -> None:
    assert math.isnan(r.r2([0.1] * 3, [1, 2, 3]))
    assert math.isnan(r.spearman([0.1] * 3, [1, 2, 3]))


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="observed value has 3 rows and the prediction 2"):
        r.mae([1, 2, 3], [1, 2])
