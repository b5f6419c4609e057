"""The penalised solution is another library's; what it says of left-out rows is nearly their own fits'."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from bezant.network.ridge_logistic import PENALTIES, USUAL, fit_ridge_logistic


def drawn(n: int = 120, p: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, p, generator=generator, dtype=torch.float64)
    odds = x @ torch.linspace(-1.5, 1.5, p, dtype=torch.float64) - 0.7
    return x, (torch.rand(n, generator=generator, dtype=torch.float64) < torch.sigmoid(odds)).double()


@pytest.mark.parametrize("penalty", [0.3, 5.0, 80.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_solution_is_scikit_learns(penalty: float, weighted: bool) -> None:
    x, y = drawn()
    weight = torch.linspace(0.2, 3.0, len(y), dtype=torch.float64) if weighted else None
    found = fit_ridge_logistic(x, y, weight, (penalty,))
    truth = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000)
    truth.fit(x.numpy(), y.numpy(), None if weight is None else weight.numpy())
    np.testing.assert_allclose(found.coefficients, truth.coef_[0], atol=1e-6)
    np.testing.assert_allclose(float(found.intercept), truth.intercept_[0], atol=1e-6)


def test_left_out_rows_are_answered_nearly_as_by_a_fit_without_them() -> None:
    x, y = drawn()
    found = fit_ridge_logistic(x, y, penalties=(3.0,))
    odds = x @ found.coefficients + found.intercept
    rows = torch.arange(len(y))
    truth = torch.empty_like(y)
    for i in range(len(y)):
        without = fit_ridge_logistic(x[rows != i], y[rows != i], penalties=(3.0,))
        truth[i] = x[i] @ without.coefficients + without.intercept
    assert float((truth - odds).abs().max()) > 0.2  # leaving a row out matters
    np.testing.assert_allclose(found.left_out, truth, atol=0.03)


def test_the_penalty_is_the_one_that_predicts_left_out_rows_best_and_is_usual() -> None:
    x, y = drawn()
    each = [fit_ridge_logistic(x, y, penalties=(penalty,)) for penalty in PENALTIES]
    odd = {one.penalty: math.log(one.penalty / USUAL) ** 2 / 2 for one in each}
    best = min(each, key=lambda one: len(y) * one.left_out_loss + odd[one.penalty])
    assert best.penalty != min(each, key=lambda one: one.left_out_loss).penalty
    found = fit_ridge_logistic(x, y)
    assert found.penalty == best.penalty
    np.testing.assert_allclose(found.coefficients, best.coefficients, atol=1e-6)
    noise = fit_ridge_logistic(
        torch.randn(60, 40, generator=torch.Generator().manual_seed(1)).double(), y[:60]
    )
    assert noise.penalty == PENALTIES[0]
    few = fit_ridge_logistic(x[:8], y[:8])  # they say next to nothing
    assert few.penalty in (10.0, 30.0)
    steep = fit_ridge_logistic(0.1 * x, y)  # and these that coefficients are large
    assert steep.penalty == PENALTIES[-1]


def test_parted_classes_and_columns_of_nothing_have_a_solution() -> None:
    x = torch.linspace(-3, 3, 50, dtype=torch.float64)[:, None]
    y = (x[:, 0] > 0).double()
    found = fit_ridge_logistic(torch.cat([x, torch.zeros_like(x)], 1), y)
    assert float(found.coefficients[0]) > 1
    assert float(found.coefficients[1]) == 0
    alone = fit_ridge_logistic(torch.empty(50, 0, dtype=torch.float64), y * (x[:, 0] > 1))
    np.testing.assert_allclose(torch.sigmoid(alone.intercept), float((x > 1).double().mean()), rtol=1e-6)
