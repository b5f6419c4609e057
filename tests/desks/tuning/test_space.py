"""The space of a search: it holds the usual settings, and each choice is settings an estimator takes."""

from __future__ import annotations

import optuna
import pytest

from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.estimators.network_settings import NetworkSettings
from bezant.desks.estimators.settings import plan_of
from bezant.desks.tuning.space import propose, settings_of, usual_choice
from bezant.training.plan import TablePlan


@pytest.mark.parametrize("rows", [1_000, 20_000, 100_000, 10_000_000])
def test_the_usual_choice_lies_in_the_space(rows: int) -> None:
    usual = usual_choice(rows)
    trial = optuna.trial.FixedTrial(usual)  # refuses with a warning what lies outside, which is an error here
    assert propose(trial) == usual


def test_the_usual_choice_stands_for_the_usual_network() -> None:
    usual = plan_of(CreditRisk(**settings_of(usual_choice(100_000))), "binary", 0)
    plain = NetworkSettings().plan("small", "tabm", "binary", usual.training)
    assert usual.network.dropout == plain.network.dropout
    assert usual.least_rows_a_value == 20
    assert isinstance(usual, TablePlan)
    assert usual.training.learning_rate == 0.004
    assert usual.training.weight_decay == 0.03


def test_a_choice_changes_what_it_names() -> None:
    choice = usual_choice(1000) | {"size": "tiny", "hide": 0.2, "smoothings": "30, 300", "dropout": 0.5}
    plan = plan_of(CreditRisk(**settings_of(choice)), "binary", 0)
    assert plan.network.fields is not None
    assert (plan.network.size, plan.network.dropout) == ("tiny", 0.5)
    assert (plan.network.fields.hide, plan.network.fields.smoothings) == (0.2, (30.0, 300.0))
