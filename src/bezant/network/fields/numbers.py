"""Numbers as vectors: robustly scaled, then piecewise-linear on training quantiles, then periodic.

The layers are those of ``rtdl_num_embeddings`` (Gorishniy et al. 2022, "On Embeddings for Numerical
Features in Tabular Deep Learning"); the scaling and clipping are those of RealMLP (Holzmueller et
al. 2024). A missing number has a vector of its own, learned like any other.
"""

from __future__ import annotations

from typing import Any, Literal

import rtdl_num_embeddings
import torch
from torch import Tensor, nn

NumberEmbeddingKind = Literal["piecewise", "periodic", "both"]
EdgeSpacing = Literal["even", "tails"]


class RobustScale(nn.Module):
    """(x - median) / interquartile range, smoothly clipped to (-3, 3); NaN stays NaN.

    Parameters
    ----------
    n_features : int
        Number N of columns.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def learn(self, x: Tensor) -> None:
        """Learn centre and scale from training rows (n, N); a constant column gets the scale 1."""
        if not len(x) or not x.shape[1]:
            return
        quartiles = _quantiles(x, torch.tensor([0.25, 0.5, 0.75]))  # (3, N)
        low, high = _extremes(x)
        spread = quartiles[2] - quartiles[0]
        spread = torch.where(spread > 0, spread, (high - low) / 2)  # mostly one value: use the range
        self.centre.copy_(quartiles[1])
        self.scale.copy_(torch.where(spread > 0, spread, torch.ones_like(spread)))

    def forward(self, x: Tensor) -> Tensor:
        """Scale (B, N) to (B, N)."""
        x = ((x - self.centre) / self.scale).clamp(-1e9, 1e9)  # or the square below overflows to 0
        return x / torch.sqrt(1 + (x / 3) ** 2)


class NumberEmbedding(nn.Module):
    """Vectors of numbers.

    Parameters
    ----------
    n_bins : tuple of int
        Number of bins of each of the N columns; see :func:`quantile_edges`.
    width : int
        Length D of one number's vector.
    kind : {"piecewise", "periodic", "both"}, default "piecewise"
        Which embedding; "both" adds the two.

    Notes
    -----
    Shape: (B, N) to (B, N, D).
    """

    low: Tensor
    high: Tensor

    def __init__(self, n_bins: tuple[int, ...], width: int, kind: NumberEmbeddingKind = "piecewise") -> None:
        super().__init__()
        self.piecewise = PiecewiseLinear(n_bins, width) if kind != "periodic" else None
        self.periodic = (
            rtdl_num_embeddings.PeriodicEmbeddings(len(n_bins), width, lite=False)
            if kind != "piecewise"
            else None
        )
        self.missing = nn.Parameter(torch.randn(len(n_bins), width) * 0.02)
        self.register_buffer("low", torch.full((len(n_bins),), -torch.inf))
        self.register_buffer("high", torch.full((len(n_bins),), torch.inf))

    def learn(self, edges: list[Tensor]) -> None:
        """Place the bins and the range of each column."""
        self.low.copy_(torch.stack([e[0] for e in edges]))
        self.high.copy_(torch.stack([e[-1] for e in edges]))
        if self.piecewise is not None:
            self.piecewise.learn(edges)

    def forward(self, x: Tensor) -> Tensor:
        """Embed scaled numbers; what lies outside the training range counts as its edge."""
        gone = torch.isnan(x)
        x = x.nan_to_num(0.0).clamp(self.low, self.high)
        if self.periodic is None and self.piecewise is not None:
            return self.piecewise(x, gone, self.missing)  # type: ignore[no-any-return]
        parts = [layer(x) for layer in (self.piecewise, self.periodic) if layer is not None]
        vectors = parts[0] if len(parts) == 1 else parts[0] + parts[1]  # (B, N, D)
        return torch.where(gone[..., None], self.missing, vectors)


class PiecewiseLinear(nn.Module):
    """A continuous piecewise-linear curve in D dimensions for each of N numbers.

    The parametrisation is that of ``rtdl_num_embeddings.PiecewiseLinearEmbeddings`` version B (a
    linear map plus one direction a bin, the latter starting at zero), and so is the result. The
    computation is not: encoding B numbers over all their bins and multiplying costs B x N x bins x D,
    but a curve is known by its values at the bins' edges. Those are summed up once a step, and each
    number then needs two of them: a weighted lookup.

    Parameters
    ----------
    n_bins : tuple of int
        Number of bins of each of the N columns.
    width : int
        Length D of a vector.

    Notes
    -----
    Shape: (B, N) to (B, N, D); numbers must lie within the edges.
    """

    edges: Tensor
    starts: Tensor

    def __init__(self, n_bins: tuple[int, ...], width: int) -> None:
        super().__init__()
        n, most = len(n_bins), max(n_bins)
        self.slope = nn.Parameter(torch.empty(n, width).uniform_(-1, 1))
        self.offset = nn.Parameter(torch.empty(n, width).uniform_(-1, 1))
        self.bends = nn.Parameter(torch.zeros(n, most, width))
        self.register_buffer("edges", torch.full((n, most + 1), torch.inf))
        self.register_buffer("starts", torch.arange(n) * (most + 1), persistent=False)

    def learn(self, edges: list[Tensor]) -> None:
        """Place the bins; unused places at the end stay infinite and are never reached."""
        for row, found in zip(self.edges, edges, strict=True):
            row[: len(found)] = found

    def forward(self, x: Tensor, gone: Tensor | None = None, missing: Tensor | None = None) -> Tensor:
        """Look the curves up; where a number is gone (B, N), take its column's missing vector (N, D).

        The missing vectors are further rows of the table: choosing between vectors afterwards would go over
        all of them four times more, gradients included.
        """
        columns = x.detach().T.contiguous()  # (N, B)
        right = torch.searchsorted(self.edges, columns).clamp_min(1)
        low, high = self.edges.gather(1, right - 1), self.edges.gather(1, right)
        share = ((columns - low) / (high - low)).T  # (B, N)
        place = right.T + self.starts  # (B, N)
        table = self.knots()
        if gone is not None and missing is not None:
            own = torch.arange(len(table), len(table) + len(missing), device=place.device)
            place, share = torch.where(gone, own, place), share.masked_fill(gone, 1.0)
            table = torch.cat([table, missing])
        return _Between.apply(table, place, share[..., None])  # type: ignore[no-any-return,no-untyped-call]

    def knots(self) -> Tensor:
        """Return the values of the curves at the edges: (N * (bins + 1), D)."""
        edges = torch.where(torch.isinf(self.edges), 0.0, self.edges)
        line = self.offset[:, None] + edges[..., None] * self.slope[:, None]
        bent = torch.cat([torch.zeros_like(self.bends[:, :1]), self.bends.cumsum(1)], 1)
        return (line + bent).flatten(0, 1)


class _Between(torch.autograd.Function):
    """Points on straight lines between neighbouring rows of a table.

    ``embedding_bag`` does the same, but its backward pass sorts all places, which costs more than adding
    the gradients where they belong.
    """

    @staticmethod
    def forward(ctx: Any, knots: Tensor, place: Tensor, share: Tensor) -> Tensor:
        """Return ``knots[place - 1]`` moved by a share (B, N, 1) towards ``knots[place]``: (B, N, D)."""
        ctx.save_for_backward(place, share)
        ctx.rows = len(knots)
        flat = place.flatten()
        low, high = knots.index_select(0, flat - 1), knots.index_select(0, flat)
        return torch.lerp(low, high, share.flatten(0, 1)).view(*place.shape, knots.shape[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Share each gradient between its two rows."""
        place, share = ctx.saved_tensors
        flat, above = place.flatten(), (gradient * share).flatten(0, 1)
        total = gradient.new_zeros(ctx.rows, gradient.shape[-1])
        total.index_add_(0, flat, above)
        total.index_add_(0, flat - 1, gradient.flatten(0, 1) - above)
        return total, None, None


def quantile_edges(x: Tensor, most: int, spacing: EdgeSpacing = "even") -> list[Tensor]:
    """Return the bin edges of each column: distinct training quantiles, at least two.

    Parameters
    ----------
    x : float32 tensor, shape (n, N)
        Scaled training rows; NaN is left aside.
    most : int
        At most this many bins a column.
    spacing : {"even", "tails"}, default "even"
        Levels of the quantiles: evenly apart, or ``(1 - cos(pi i / most)) / 2``, closer together towards
        the ends. What is rare about an application is much of what a number says, and of 32 even bins the
        last one alone reaches from the 97th per cent to the largest of all.
    """
    levels = torch.linspace(0, 1, most + 1)
    if spacing == "tails":
        levels = ((1 - torch.linspace(0, torch.pi, most + 1, dtype=torch.float64).cos()) / 2).float()
    edges = []
    for column in x.T:
        known = column[~torch.isnan(column)]
        if not len(known):
            known = torch.zeros(1)
        found = torch.unique(torch.quantile(_thinned(known), levels))
        if len(found) < 2:
            found = torch.stack([found[0] - 0.5, found[0] + 0.5])
        edges.append(found)
    return edges


def _thinned(x: Tensor, most: int = 1_000_000) -> Tensor:
    """torch.quantile refuses more than 16 million values; a million sorted ones, evenly taken, are plenty."""
    if len(x) <= most:
        return x
    ordered = x.sort().values
    return ordered[torch.linspace(0, len(x) - 1, most).long()]


def _quantiles(x: Tensor, levels: Tensor) -> Tensor:
    columns = []
    for column in x.T:
        known = column[~torch.isnan(column)]
        columns.append(torch.quantile(_thinned(known), levels) if len(known) else torch.zeros(len(levels)))
    return torch.stack(columns, 1)


def _extremes(x: Tensor) -> tuple[Tensor, Tensor]:
    gone = torch.isnan(x)
    low = x.masked_fill(gone, torch.inf).amin(0)
    high = x.masked_fill(gone, -torch.inf).amax(0)
    return torch.where(torch.isinf(low), 0.0, low), torch.where(torch.isinf(high), 0.0, high)
