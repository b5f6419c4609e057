"""The fused softmax against the plain one, logits and all."""

from __future__ import annotations

import torch

from bezant.network.next_item import softmax, softmax_loss


def test_loss_and_gradients_are_those_of_the_plain_softmax(monkeypatch):
    monkeypatch.setattr(softmax, "CHUNK_CELLS", 70)  # several chunks, the last one short
    torch.manual_seed(0)
    parts = [torch.randn(23, 6), torch.randn(11, 6), torch.randn(11)]
    target, weight = torch.randint(0, 11, (23,)), torch.rand(23)
    own = [p.double().requires_grad_() for p in parts]
    plain = [p.double().requires_grad_() for p in parts]
    fused = softmax_loss(*own, target, weight.double())
    logits = plain[0] @ plain[1].T + plain[2]
    slow = (torch.nn.functional.cross_entropy(logits, target, reduction="none") * weight).sum()
    (3 * fused).backward()
    (3 * slow).backward()
    torch.testing.assert_close(fused, slow)
    for a, b in zip(own, plain, strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_no_positions_cost_nothing():
    loss = softmax_loss(
        torch.empty(0, 3, requires_grad=True), torch.randn(4, 3), torch.zeros(4), torch.empty(0).long(),
        torch.empty(0),
    )  # fmt: skip
    loss.backward()
    assert float(loss.detach()) == 0


def test_what_cannot_come_and_what_is_left_out_cost_what_they_do_in_the_plain_softmax():
    """The chance of the first row's product is no number any more; the last product has a bias of -inf."""
    queries = torch.tensor([[50.0, 0.0], [0.1, 0.2]], requires_grad=True)
    products = torch.tensor([[-4.0, 0.0], [4.0, 0.0], [1.0, 1.0]])
    bias, target, weight = torch.tensor([0.0, 0.1, -torch.inf]), torch.tensor([0, 1]), torch.tensor([1.0, 2])
    fused = softmax_loss(queries, products, bias, target, weight)
    slow = (
        torch.nn.functional.cross_entropy(queries @ products.T + bias, target, reduction="none") * weight
    ).sum()
    (own,), (plain,) = torch.autograd.grad(fused, queries), torch.autograd.grad(slow, queries)
    torch.testing.assert_close(fused, slow)
    torch.testing.assert_close(own, plain)
    assert float(fused.detach()) > 400
