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
