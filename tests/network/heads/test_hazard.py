"""The hazard head, against loops by hand and a survival curve worked out on paper."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from bezant.network.heads.hazard import (
    HazardHead,
    hazard_targets,
    hazards_of,
    martingale_residuals,
    observed_periods,
    period_hazards,
)

MONTHS = np.array([0.0, 1.0, 3.0, 3.5, 7.0, 7.0, 12.0, 40.0, 40.0])
EVENT = np.array([True, True, True, True, True, False, False, True, False])


def case(rows: int = 9, members: int = 3, periods: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    output = 2 * torch.randn(rows, members, periods, generator=draw)
    return output, torch.from_numpy(hazard_targets(MONTHS, EVENT, 3.0, periods)).float()


def test_a_target_is_the_periods_observed_and_whether_the_last_ended_in_the_event() -> None:
    target = hazard_targets(MONTHS, EVENT, 3.0, 4)
    wanted = [(1, 1), (1, 1), (1, 1), (2, 1), (3, 1), (7 / 3, 0), (4, 0), (4, 0), (4, 0)]
    assert_allclose(target, wanted)


def test_loss_is_the_sum_of_the_bernoulli_terms_of_the_observed_periods() -> None:
    output, target = case()
    p = 1 / (1 + np.exp(-output.numpy().astype(float)))
    losses = np.zeros((9, 3))
    for row, (seen, event) in enumerate(target.numpy().astype(float)):
        for member in range(3):
            for t in range(4):
                share = min(max(seen - t, 0), 1)
                if event and t == seen - 1:
                    losses[row, member] -= np.log(p[row, member, t])
                else:
                    losses[row, member] -= share * np.log(1 - p[row, member, t])
    weight = torch.rand(9, generator=torch.Generator().manual_seed(1)) + 0.1
    head = HazardHead(3, 2, 4)
    assert_allclose(float(head.loss(output, target)), losses.mean(), rtol=1e-5)
    wanted = (losses.mean(1) * weight.numpy()).sum() / weight.numpy().sum()
    assert_allclose(float(head.loss(output, target, weight)), wanted, rtol=1e-5)


def test_the_answer_is_the_mean_of_the_members_products_of_survival() -> None:
    output, _ = case()
    hazards = 1 / (1 + np.exp(-output.numpy().astype(float)))
    wanted = (1 - np.cumprod(1 - hazards, axis=2)).mean(1)
    by_then = HazardHead(3, 2, 4).predict(output)
    assert_allclose(by_then, wanted, rtol=1e-5)
    one = torch.from_numpy(wanted)
    assert_allclose(1 - np.cumprod(1 - hazards_of(one).numpy(), axis=1), wanted, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-3, 100), st.integers(1, 9), st.integers(1, 30))
def test_the_probability_never_falls_from_one_period_to_the_next(
    seed: int, spread: float, members: int, periods: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    output = spread * torch.randn(5, members, periods, generator=draw)
    by_then = HazardHead(members, 2, periods).predict(output).numpy()
    assert by_then.min() >= 0 and by_then.max() <= 1
    assert (np.diff(by_then, axis=1) >= 0).all()


def test_training_starts_at_the_life_table_of_the_training_rows() -> None:
    rng = np.random.default_rng(0)
    months, event = rng.exponential(20, 4000), rng.random(4000) < 0.6
    target = torch.from_numpy(hazard_targets(months, event, 3.0, 4)).float()
    head = HazardHead(3, 2, 4)
    head.start_at(target)
    start = head.predict(head(torch.zeros(3, 5, 2))).detach()
    seen = months / 3
    hazards = []
    for t in range(4):
        events = (event & (np.ceil(seen) == t + 1)).sum()
        at_risk = np.where(event, np.ceil(seen) >= t + 1, np.clip(seen - t, 0, 1)).sum()
        hazards.append(events / at_risk)
    assert_allclose(start[0], 1 - np.cumprod(1 - np.array(hazards)), rtol=0.01)


def test_rates_are_right_though_loans_are_of_every_age() -> None:
    """With a constant hazard and followed-up times at random, no period may look worse than another."""
    rng = np.random.default_rng(1)
    end, event_at = rng.uniform(0, 12, 400_000), rng.exponential(100, 400_000)
    target = hazard_targets(np.minimum(end, event_at), event_at <= end, 3.0, 4)
    hazards = period_hazards(torch.from_numpy(target), 4)
    assert_allclose(hazards, np.full(4, 1 - np.exp(-3 / 100)), rtol=0.06)


def test_residuals_are_events_less_those_expected_and_sum_to_nought() -> None:
    _, target = case()
    at_risk, event = observed_periods(target.double(), 4)
    hazards = event.sum(0) / at_risk.sum(0)
    residuals = martingale_residuals(target, 4)
    assert residuals.dtype == torch.float32
    assert_allclose(residuals, event.sum(1) - (at_risk * hazards).sum(1), rtol=1e-5)
    assert abs(float(residuals.sum())) < 1e-5


def test_judging_forgives_a_wrong_level_but_not_a_wrong_order() -> None:
    rng = np.random.default_rng(2)
    risk = rng.normal(size=3000)
    event_at = rng.exponential(30 * np.exp(-risk))
    target = torch.from_numpy(hazard_targets(np.minimum(event_at, 12), event_at <= 12, 3.0, 4)).float()
    head = HazardHead(1, 2, 4)

    def judged(logit: np.ndarray) -> float:  # type: ignore[type-arg]
        output = torch.from_numpy(np.repeat(logit[:, None, None], 4, 2)).float()
        return float(head.judge(head.predict(output), target))

    right = judged(risk - 2.4)
    assert abs(judged(risk - 3.2) - right) < 0.01 * right
    assert judged(rng.permutation(risk) - 2.4) > 1.1 * right


def test_an_empty_batch_gives_no_answers() -> None:
    one = HazardHead(3, 2, 4)
    assert one.predict(one(torch.empty(3, 0, 2))).shape == (0, 4)
