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


def test_training_begins_at_the_linear_model_and_students_t() -> None:
    from scipy.stats import t

    model = network().eval()
    coefficients = torch.tensor([[0.1, 0.2], [1.0, 0.0], [0.0, -1.0], [0.5, 0.5]])
    model.start(coefficients, torch.tensor([4.0, 1.0]))
    numbers = torch.tensor([[0.5, 1.0, float("nan")]])
    found = model.predict(batch_of(windows(numbers, [0], [1])))[0]
    torch.testing.assert_close(found[:, 0], torch.tensor([0.6, -0.8]))
    unit = t.ppf(LEVELS, FREEDOM) * math.sqrt((FREEDOM - 2) / FREEDOM)
    np.testing.assert_allclose(found[0, 1:], 2 * math.exp(0.3) * unit, rtol=1e-4)
    np.testing.assert_allclose(found[1, 1:], math.exp(-0.4) * unit, rtol=1e-4)


def test_the_loss_leaves_out_what_is_not_known() -> None:
    model = network().eval()
    nan = float("nan")
    targets = torch.tensor([[0.5, nan, 1.5, nan], [nan, nan, nan, nan]])
    batch = batch_of(windows(torch.cat([torch.zeros(2, 3), targets], 1), [0], [2]))
    output = model(batch)
    level = torch.tensor(LEVELS)
    gap = 0.5 - output[0, 0, 0, 1:]
    weight = (level * (1 - level)).rsqrt()
    pinball = (torch.where(gap > 0, level * gap, (level - 1) * gap) * weight).mean()
    qlike = 1.5 * torch.exp(-output[0, 0, 0, 0]) + output[0, 0, 0, 0]
    torch.testing.assert_close(model.loss(output, batch), pinball + qlike)
    assert model.judge(batch) == pytest.approx((pinball + qlike).item(), rel=1e-5)


def test_inputs_are_scaled_by_what_is_there() -> None:
    model, values = network(), torch.tensor([[1.0, 5.0, 2.0], [3.0, 5.0, float("nan")]])
    model.learn_scale(values)
    torch.testing.assert_close(model.standardised(values), torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
