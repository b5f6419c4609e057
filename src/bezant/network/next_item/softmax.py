"""The full softmax over all products, whose logits are never all there at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK_CELLS = 170_000
"""Logits in memory at a time, and as many chances: 1.4 MB, which stays in a core's second cache."""

DEVICE_CELLS = 32_000_000
"""The same on an accelerator, where a small product does not fill the device."""


LARGEST = 80.0
"""A chance below exp of minus this is hardly a number any more in single precision."""


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
    """The bias is one more number of each product's vector: the product of matrices adds and sums it."""

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, products: Tensor, bias: Tensor, target: Tensor, weight: Tensor
    ) -> Tensor:
        wanted = any(ctx.needs_input_grad[:3])
        q = torch.cat([queries, queries.new_ones(len(queries), 1)], 1)
        vectors = torch.cat([products.T, bias[None]])  # (W + 1, p)
        weighed, of_queries = q * weight[:, None], torch.empty_like(queries)
        of_vectors = torch.zeros_like(vectors)
        cells = CHUNK_CELLS if queries.device.type == "cpu" else DEVICE_CELLS
        step = min(max(cells // max(len(products), 1), 1), max(len(q), 1))
        logits, share = q.new_empty(2, step, len(products))
        total = queries.new_zeros(())
        for start in range(0, len(q), step):
            part = slice(start, start + step)
            own, w = target[part, None], weight[part]
            found = torch.mm(q[part], vectors, out=logits[: len(own)])
            if not wanted:
                total += w @ (found.logsumexp(1, keepdim=True) - found.gather(1, own))[:, 0]
                continue
            chance = torch.softmax(found, 1, out=share[: len(own)])  # one pass; log-sum-exp and exp are six
            total += w @ _surprise(found, chance, own)
            chance.scatter_add_(1, own, chance.new_full(own.shape, -1.0))
            torch.mm(chance, products, out=of_queries[part])
            of_vectors.addmm_(weighed[part].T, chance)
        if wanted:
            ctx.save_for_backward(of_queries.mul_(weight[:, None]), of_vectors[:-1].T, of_vectors[-1])
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        queries, products, bias = (g * outer[0] for g in ctx.saved_tensors)
        return queries, products, bias, None, None


def _surprise(logits: Tensor, chance: Tensor, own: Tensor) -> Tensor:
    """Return minus the logarithm of the chance of each row's own product, (n,), from logits where it is 0."""
    found: Tensor = -chance.gather(1, own)[:, 0].log()
    if bool((beyond := found > LARGEST).any()):
        rows = beyond.nonzero()[:, 0]
        exact = logits[rows].logsumexp(1) - logits[rows].gather(1, own[rows])[:, 0]
        found = found.index_copy(0, rows, exact)
    return found
