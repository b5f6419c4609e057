"""The full softmax over all products, whose logits are never all there at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK_CELLS = 250_000
"""Logits in memory at a time: 1 MB, which stays in the caches; with 8 MB steps are a sixth slower."""

DEVICE_CELLS = 32_000_000
"""The same on an accelerator, where a small product does not fill the device."""


def softmax_loss(queries: Tensor, products: Tensor, bias: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted sum of cross-entropies of the full softmax, with its gradient made on the way.

    The logits of N positions and p products take N * p numbers, and twice that with their gradient; here a
    chunk of positions at a time is multiplied, normalised, turned into its gradient and forgotten.

    Parameters
    ----------
    queries : float32 tensor, shape (N, W)
        One vector a position.
    products : float32 tensor, shape (p, W)
        One vector a product.
    bias : float32 tensor, shape (p,)
        Added to the logits; -inf leaves a product out.
    target : int64 tensor, shape (N,)
        The product that came.
    weight : float32 tensor, shape (N,)
        Of each position.

    Returns
    -------
    Tensor, shape ()
        Sum over positions of weight * (log-sum-exp of the logits - the target's logit).

    References
    ----------
    Wijmans et al. (2024), "Cut your losses in large-vocabulary language models", arXiv:2411.09009: the idea
    of making the gradient where the logits are.
    """
    loss: Tensor = _FusedSoftmax.apply(queries, products, bias, target, weight)  # type: ignore[no-untyped-call]
    return loss


class _FusedSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, products: Tensor, bias: Tensor, target: Tensor, weight: Tensor
    ) -> Tensor:
        wanted = any(ctx.needs_input_grad[:3])
        grads = tuple(torch.zeros_like(t) for t in (queries, products, bias)) if wanted else ()
        total = queries.new_zeros(())
        cells = CHUNK_CELLS if queries.device.type == "cpu" else DEVICE_CELLS
        step = max(cells // max(len(products), 1), 1)
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            q, own, w = queries[part], target[part, None], weight[part]
            logits = torch.addmm(bias, q, products.T)  # (chunk, p)
            norm = logits.logsumexp(1, keepdim=True)
            total += (w * (norm - logits.gather(1, own))[:, 0]).sum()
            if grads:
                share = logits.sub_(norm).exp_()
                share.scatter_add_(1, own, share.new_full(own.shape, -1.0))
                share *= w[:, None]
                torch.mm(share, products, out=grads[0][part])
                grads[1].addmm_(share.T, q)
                grads[2].add_(share.sum(0))
        ctx.save_for_backward(*grads)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        queries, products, bias = (g * outer[0] for g in ctx.saved_tensors)
        return queries, products, bias, None, None
