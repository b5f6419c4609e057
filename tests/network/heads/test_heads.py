"""Heads, against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from bezant.network.heads.binary import BinaryHead, recalibrated
from bezant.network.heads.linear import MemberLinear, weighted_mean
from bezant.network.heads.severity import SeverityHead

HEADS = [BinaryHead, SeverityHead]


def sigmoid(x: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return 1 / (1 + np.exp(-x))


def case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    output = 3 * torch.randn(7, 4, generator=draw)
    return output, torch.rand(7, generator=draw), torch.rand(7, generator=draw) + 0.1


def test_each_member_has_a_unit_of_its_own() -> None:
    unit = MemberLinear(3, 5)
    with torch.no_grad():
        unit.bias.normal_()
    x = torch.randn(3, 6, 5)
    wanted = np.stack([x[k].numpy() @ unit.weight[k].detach().numpy() for k in range(3)], 1)
    assert_allclose(unit(x).detach(), wanted + unit.bias.detach().numpy(), rtol=1e-4, atol=1e-6)
    assert unit(x.bfloat16()).dtype == torch.float32


def test_weights_of_rows_weigh_the_mean() -> None:
    losses, weight = torch.tensor([[1.0, 3.0], [5.0, 7.0]]), torch.tensor([3.0, 1.0])
    assert float(weighted_mean(losses, None)) == 4
    assert float(weighted_mean(losses, weight)) == (3 * 2 + 6) / 4


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_is_the_mean_of_the_members_log_losses(head: type[BinaryHead], weighted: bool) -> None:
    output, target, weight = case()
    if head is BinaryHead:
        target = target.round()
    p, t = sigmoid(output.numpy().astype(float)), target.numpy()[:, None]
    rows = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(1)
    w = weight.numpy() if weighted else np.ones(7)
    loss = head(4, 2).loss(output, target, weight if weighted else None)
    assert_allclose(float(loss), (rows * w).sum() / w.sum(), rtol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_the_answer_is_the_mean_of_the_members_answers(head: type[BinaryHead]) -> None:
    output, _, _ = case()
    assert_allclose(head(4, 2).predict(output), sigmoid(output.numpy()).mean(1), rtol=1e-5)


def test_a_probability_is_judged_by_log_loss_and_a_severity_by_squared_error() -> None:
    output, target, weight = case()
    p, w = sigmoid(output.numpy().astype(float)).mean(1), weight.numpy()
    t = target.round().numpy()
    wanted = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    binary, severity = BinaryHead(4, 2), SeverityHead(4, 2)
    judged = binary.judge(binary.predict(output), target.round(), weight)
    assert_allclose(float(judged), (wanted * w).sum() / w.sum(), rtol=1e-5)
    judged = severity.judge(severity.predict(output), target)
    assert_allclose(float(judged), ((p - target.numpy()) ** 2).mean(), rtol=1e-5)


def test_a_sure_and_wrong_answer_costs_much_but_not_infinitely() -> None:
    head = BinaryHead(1, 2)
    assert float(head.judge(torch.tensor([0.0]), torch.tensor([1.0]))) == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("mean", [0.0, 0.2, 1.0])
def test_training_starts_at_the_mean(head: type[BinaryHead], mean: float) -> None:
    one = head(3, 2)
    one.start_at(mean)
    start = one.predict(one(torch.zeros(3, 5, 2)))
    assert_allclose(start.detach(), np.full(5, np.clip(mean, 1e-4, 1 - 1e-4)), rtol=1e-3)


def test_a_fraction_may_be_nought_or_one() -> None:
    output, _, _ = case()
    for target in (torch.zeros(7), torch.ones(7)):
        assert torch.isfinite(SeverityHead(4, 2).loss(output * 50, target))


@pytest.mark.parametrize("head", HEADS)
def test_an_empty_batch_gives_no_answers(head: type[BinaryHead]) -> None:
    one = head(3, 2)
    assert one.predict(one(torch.empty(3, 0, 2))).shape == (0,)


@pytest.mark.parametrize("shift", [-6.0, -2.0, 0.0, 4.0])
def test_recalibrated_answers_do_not_depend_on_how_far_off_the_level_was(shift: float) -> None:
    torch.manual_seed(0)
    truth = torch.randn(4000, dtype=torch.float64)
    target = torch.bernoulli(torch.sigmoid(truth - 2))
    wanted = recalibrated(truth, target, torch.ones_like(truth))
    found = recalibrated(truth + shift, target, torch.ones_like(truth))
    assert_allclose(found, wanted, atol=1e-6)
    assert abs(float(torch.sigmoid(wanted).mean() - target.mean())) < 1e-9
