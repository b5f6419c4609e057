"""The network of markets: quantiles in order, nothing from later bars, the linear start."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bezant.network.backbones import BackboneConfig, BackboneKind
from bezant.network.market import FREEDOM, MarketNetwork, MarketNetworkConfig, batch_of
from bezant.network.records import Records

LEVELS = (0.01, 0.25, 0.5, 0.9)


def network(kind: BackboneKind = "rnn") -> MarketNetwork:
    torch.manual_seed(0)
    backbone = BackboneConfig(kind=kind, width=16, depth=1, **({"heads": 1} if kind == "transformer" else {}))
    return MarketNetwork(
        MarketNetworkConfig(
            inputs=3, horizons=(1, 5), levels=LEVELS, backbone=backbone, members=2, width=8, depth=1
        )
    )


def disturbed(model: MarketNetwork) -> MarketNetwork:
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model.eval()


def windows(numbers: torch.Tensor, starts: list[int], lengths: list[int]) -> Records:
    times = torch.arange(len(numbers)) * 86_400_000_000
    begin, count = torch.tensor(starts), torch.tensor(lengths)
    return Records(
        numbers,
        torch.zeros(len(numbers), 0, dtype=torch.int32),
        times,
        begin,
        count,
        times[begin + count - 1],
    )


@pytest.mark.parametrize("kind", ["rnn", "cnn", "transformer"])
def test_a_position_sees_nothing_later_and_predict_is_the_last_position(kind: BackboneKind) -> None:
    model, numbers = disturbed(network(kind)), torch.randn(30, 3)
    with torch.no_grad():
        whole = model(batch_of(windows(numbers, [0, 5], [20, 25]))).mean(1)
    numbers_late = numbers.clone()
    numbers_late[12:] = 99.0
    found = model.predict(batch_of(windows(numbers_late, [0, 5], [12, 7])))
    torch.testing.assert_close(found, torch.stack([whole[11], whole[20 + 6]]), rtol=1e-4, atol=1e-5)


def test_quantiles_never_cross_whatever_the_weights() -> None:
    model = disturbed(disturbed(network()))
    found = model.predict(batch_of(windows(10 * torch.randn(40, 3), [0], [40])))
    assert (found[..., 1:].diff(dim=-1) >= 0).all()


def test_training_begins_at_the_linear_model_and_its_past_quantiles() -> None:
    model = network().eval()
    model.begin(torch.tensor([[0.1, 0.2], [1.0, 0.0], [0.0, -1.0], [0.5, 0.5]]))
    past = torch.tensor([[-3.0, -0.6, 0.1, 1.2], [-2.0, -0.7, 0.0, 1.5]])
    model.shape(past)
    numbers = torch.tensor([[0.5, 1.0, float("nan")]])
    found = model.predict(batch_of(windows(numbers, [0], [1])))[0]
    torch.testing.assert_close(found[:, 0], torch.tensor([0.6, -0.8]))
    torch.testing.assert_close(model.linear(numbers)[0], torch.tensor([0.6, -0.8]))
    torch.testing.assert_close(found[0, 1:], math.exp(0.3) * past[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[1, 1:], math.exp(-0.4) * past[1], rtol=1e-4, atol=1e-5)


def test_quantiles_begin_as_students_t() -> None:
    from scipy.stats import t

    found = network().predict(batch_of(windows(torch.zeros(1, 3), [0], [1])))[0]
    unit = t.ppf(LEVELS, FREEDOM) * math.sqrt((FREEDOM - 2) / FREEDOM)
    np.testing.assert_allclose(found[:, 1:], np.stack([unit, unit]), rtol=1e-4)


def test_the_longer_the_horizon_the_less_the_trunk_moves_quantiles() -> None:
    model = network().eval()
    numbers = torch.randn(40, 3)
    before = model.predict(batch_of(windows(numbers, [0], [40])))[0]
    torch.manual_seed(1)
    with torch.no_grad():
        model.head.copy_(0.1 * torch.randn_like(model.head[..., :1]).expand_as(model.head))  # alike for both
    moved = (model.predict(batch_of(windows(numbers, [0], [40])))[0] - before)[:, 1 + model.middle].abs()
    assert moved[0] == pytest.approx(5 * moved[1].item(), rel=0.1) and moved[0] > 0  # widths move too


def test_answers_at_every_bar_are_the_mean_of_the_members() -> None:
    model = disturbed(network())
    batch = batch_of(windows(torch.randn(30, 3), [0, 5], [20, 25]))
    with torch.no_grad():
        torch.testing.assert_close(model.answers(batch), model(batch).mean(1))


def test_the_loss_leaves_out_what_is_not_known() -> None:
    model = network().eval()
    nan = float("nan")
    targets = torch.tensor([[0.5, nan, 1.5, nan], [nan, nan, nan, nan]])
    batch = batch_of(windows(torch.cat([torch.zeros(2, 3), targets], 1), [0], [2]))
    output = model(batch)
    level = torch.tensor(LEVELS)  # the pinball loss of a horizon of one bar counts in full
    gap = 0.5 - output[0, 0, 0, 1:]
    weight = (level * (1 - level)).rsqrt()
    pinball = (torch.where(gap > 0, level * gap, (level - 1) * gap) * weight).mean()
    qlike = 1.5 * torch.exp(-output[0, 0, 0, 0]) + output[0, 0, 0, 0]
    torch.testing.assert_close(model.loss(output, batch), pinball + qlike)
    assert model.judge(batch) == pytest.approx((pinball + qlike).item(), rel=1e-5)


def test_inputs_are_standardised_and_missing_ones_are_the_mean() -> None:
    model, values = network(), torch.tensor([[1.0, 5.0, 2.0], [3.0, 5.0, float("nan")]])
    model.learn_scale(torch.tensor([2.0, 5.0, 2.0]), torch.ones(3))
    torch.testing.assert_close(model.standardised(values), torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))


def test_the_trunk_never_meets_an_input_that_training_did_not_know() -> None:
    model = disturbed(network())
    model.learn_scale(torch.zeros(3), torch.ones(3), torch.tensor([1.0, 1.0, 0.0]))
    model.begin(torch.zeros(4, 2))
    numbers = torch.randn(20, 3)
    other = numbers.clone()
    other[:, 2] = 3.0
    before, after = (model.predict(batch_of(windows(x, [0], [20]))) for x in (numbers, other))
    torch.testing.assert_close(before, after)
    model.begin(torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.5, 0.5]]))  # the linear part does
    assert (model.predict(batch_of(windows(other, [0], [20]))) != after).all()
