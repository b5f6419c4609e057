"""Expectations of demand beside what happened."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.evidence.demand import DemandEvaluation, Outlook, demand_figures, evaluate_demand
from bezant.types import InputError


def drawn(n: int = 400) -> tuple[Outlook, dict[str, Outlook]]:
    rng = np.random.default_rng(0)
    rate = rng.gamma(0.6, 1.5, n)
    count = rng.poisson(rate).astype(float)
    happened = Outlook(count, count * 20.0, (count > 0).astype(float))
    good = Outlook(rate, rate * 20, -np.expm1(-rate))
    flat = Outlook(np.full(n, rate.mean()), np.full(n, 20 * rate.mean()), np.full(n, 0.4))
    return happened, {"bezant": good, "flat": flat}


def test_the_better_model_is_said_to_be_better_and_json_keeps_it():
    found = evaluate_demand(*drawn(), large="bezant", notes=("A note.",))
    assert "bezant is better than" in found.verdict
    assert found.differences["flat"].high < 0
    assert found.figures["flat"]["activity_auc"].value == 0.5
    again = DemandEvaluation.from_json(found.to_json())
    assert str(again) == str(found)
    assert "A note." in str(again)


def test_the_verdict_turns_round_with_the_models():
    happened, expected = drawn()
    swapped = {"bezant": expected["flat"], "good": expected["bezant"]}
    assert "bezant is worse than" in evaluate_demand(happened, swapped, large="bezant").verdict


def test_figures_are_those_computed_by_hand():
    happened = Outlook(np.array([0.0, 2.0]), np.array([0.0, 30.0]), np.array([0.0, 1.0]))
    said = Outlook(np.array([0.5, 1.0]), np.array([5.0, 10.0]), np.array([0.25, 0.5]))
    found = demand_figures(happened, said)
    assert found["deviance"] == pytest.approx((2 * 0.5 + 2 * (2 * np.log(2) - 1)) / 2)
    assert found["log_loss"] == pytest.approx(-(np.log(0.75) + np.log(0.5)) / 2)
    assert found["total_error"] == pytest.approx(-0.25)
    assert found["spend_rmse"] == pytest.approx(np.sqrt((25 + 400) / 2))


def test_an_evaluation_needs_the_large_model_and_an_outlook_every_customer():
    with pytest.raises(InputError, match="no figures of the large model"):
        DemandEvaluation("bezant", 1, {}, {}, "")
    with pytest.raises(InputError, match="for each customer"):
        Outlook(np.ones(2), np.ones(1), np.ones(2))
