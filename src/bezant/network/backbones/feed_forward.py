"""The feed-forward half of a block: two linear layers with a squared ReLU between them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

PIECE_CELLS = 131_072
"""Hidden numbers of a piece: 512 KB, which stays in a core's second cache."""


def feed_forward(x: Tensor, wide: torch.nn.Linear, narrow: torch.nn.Linear) -> Tensor:
    """Return ``narrow(relu(wide(x)) ** 2)`` (So et al. 2021, arXiv:2109.08668), (N, W) to (N, W).

    On a processor in single precision it goes piece by piece: the hidden numbers are four times those of a
    record, and what is done to each of them cost as much as the products while they went through memory.
    """
    if x.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
        found: Tensor = _InPieces.apply(x, wide.weight, wide.bias, narrow.weight, narrow.bias)  # type: ignore[no-untyped-call]
        return found
    hidden: Tensor = _SquaredReLU.apply(functional.linear(x, wide.weight, wide.bias))  # type: ignore[no-untyped-call]
    return functional.linear(hidden, narrow.weight, narrow.bias)


class _InPieces(torch.autograd.Function):
    """The whole of it; only ``relu(wide(x))`` is kept, and the gradient made piece by piece as well."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, into: Tensor, shift: Tensor, back: Tensor, last: Tensor) -> Tensor:
        kept, found = x.new_empty(len(x), len(into)), torch.empty_like(x)
        squares = x.new_empty(_piece(into), len(into))
        for part in _parts(len(x), len(squares)):
            hidden = torch.addmm(shift, x[part], into.T, out=kept[part]).relu_()
            square = torch.mul(hidden, hidden, out=squares[: len(hidden)])
            torch.addmm(last, square, back.T, out=found[part])
        ctx.save_for_backward(x, kept, into, back)
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        x, kept, into, back = ctx.saved_tensors
        outer = grads[0]
        of_x, of_into, of_back = torch.empty_like(x), torch.zeros_like(into), torch.zeros_like(back)
        of_shift, twice = into.new_zeros(len(into)), 2 * back  # the derivative of a square
        squares, inner = x.new_empty(2, _piece(into), len(into))
        for part in _parts(len(x), len(squares)):
            hidden, g = kept[part], outer[part]
            square = torch.mul(hidden, hidden, out=squares[: len(g)])
            torch.addmm(of_back, g.T, square, out=of_back)
            of_hidden = torch.mm(g, twice, out=inner[: len(g)]).mul_(hidden)
            torch.addmm(of_into, of_hidden.T, x[part], out=of_into)
            of_shift += of_hidden.sum(0)
            torch.mm(of_hidden, into, out=of_x[part])
        return of_x, of_into, of_shift, of_back, outer.sum(0)


def _piece(into: Tensor) -> int:
    return max(PIECE_CELLS // len(into), 1)


def _parts(rows: int, step: int) -> list[slice]:
    return [slice(start, start + step) for start in range(0, rows, step)]


class _SquaredReLU(torch.autograd.Function):
    """``relu(x) ** 2`` in four passes over memory instead of seven."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        kept = x.relu()
        ctx.save_for_backward(kept)
        return kept * kept

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (kept,) = ctx.saved_tensors
        twice: Tensor = (grads[0] * kept).mul_(2)
        return twice
