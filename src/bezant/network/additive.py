"""The additive member: a curve a number and a weight a code, solved for and not trained by steps.

A network that stops early keeps a small table's noise out in one way, a penalty in another, and their
mistakes differ: the mean of both answers is better than either (docs/log.md). The log-odds are

    intercept + sum of curve_j(number_j) + sum of weight_c(code_c)

with curves that are linear between quantiles of the training rows, closer together towards the ends.
Penalised are the squares of the codes' weights, of the curves' rises from one edge to the next (which draws a
curve towards a level line, as differences of first order do in the P-splines of Eilers and Marx 1996) and of
the step that a missing number makes away from the mean of the known ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bezant.network.fields.categories import CategoryEmbedding
from bezant.network.fields.embedding import FieldConfig, FieldEmbedding
from bezant.network.fields.numbers import NumberEmbedding, quantile_edges
from bezant.network.ridge_logistic import PENALTIES, RidgeLogistic, fit_ridge_logistic

BINS = 16
"""Most bins of a curve."""

MOST_BINS = 1_024
"""Most bins of all curves together: the work grows with their square."""

MOST_ROWS = 100_000
"""Of more rows, so many taken evenly are solved for."""

TRUSTED = 3.0
"""The first further number's curve may rise by so many times as much for the same penalty: it was learned
from more rows than those with an outcome, if not of what is asked (docs/log.md)."""

NARROWEST = 1e-3
"""Least width of a bin of a further number. The same records give a component that differs by a ten-millionth
with what is computed beside them; a bin of that width would make an answer of it."""

SHARE = 0.25
"""Of the answer, where nothing else was found to be better (docs/log.md)."""


class AdditiveMember(nn.Module):
    """An additive logistic regression of the fields that a network reads.

    Parameters
    ----------
    fields : FieldConfig
        Of the network's fields.
    further : int, default 0
        Numbers of the row beside those of its fields: components of a pretrained summary, of variance 1 and
        that of what is forecast first.

    Notes
    -----
    Shape: scaled numbers (B, N), the further ones last, and codes (B, C') of the embedded columns to log-odds
    (B,). Nothing of it is trained by steps.
    """

    intercept: Tensor
    share: Tensor
    penalty: Tensor

    def __init__(self, fields: FieldConfig, further: int = 0) -> None:
        super().__init__()
        self.further = further
        numbers = len(fields.n_bins) + further
        self.bins = max(1, min(BINS, MOST_BINS // max(numbers, 1)))
        self.numbers = NumberEmbedding((self.bins,) * numbers, 1) if numbers else None
        sizes = tuple(fields.cardinalities[c] for c in fields.embedded)
        self.categories = CategoryEmbedding(sizes, 1) if sizes else None
        self.register_buffer("intercept", torch.zeros(()))
        self.register_buffer("share", torch.tensor(SHARE))
        self.register_buffer("penalty", torch.tensor(PENALTIES[0]))
        self.requires_grad_(False)

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Return the log-odds."""
        odds = self.intercept.expand(len(numbers))
        if self.numbers is not None:
            odds = odds + self.numbers(numbers).sum((1, 2))
        if self.categories is not None:
            odds = odds + self.categories(codes).sum((1, 2))
        return odds

    def mixed(self, answers: Tensor, own: Tensor) -> Tensor:
        """Return the other members' probabilities (B,) with this one's share."""
        return torch.lerp(answers, own.to(answers.dtype), self.share.to(answers.dtype))

    def move(self, shift: float) -> None:
        """Add to the log-odds of every row."""
        self.intercept.add_(shift)

    def as_fields(self, fields: FieldEmbedding) -> FieldEmbedding:
        """Return the network's fields with what each adds to the log-odds as their vectors, of one number."""
        changed = {
            "n_bins": (self.bins,) * len(fields.config.n_bins),
            "number_width": 1,
            "category_width": 1,
            "number_embedding": "piecewise",
        }
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are replaced
            alone = FieldEmbedding(fields.config.model_copy(update=changed))
        alone.statistics, alone.interactions, alone.scale = (
            fields.statistics,
            fields.interactions,
            fields.scale,
        )
        alone.numbers, alone.categories = self.numbers, self.categories
        return alone

    @torch.no_grad()
    def learn(
        self, numbers: Tensor, codes: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> RidgeLogistic:
        """Solve for the training rows; of the penalties, that which predicts left-out rows best.

        Parameters
        ----------
        numbers : float32 tensor, shape (n, N)
            Scaled; statistics of outcomes must be those of other folds.
        codes : int32 tensor, shape (n, C')
        target : float32 tensor, shape (n,)
            Outcomes, 0 or 1.
        weight : float32 tensor, shape (n,), optional
        """
        thin = slice(None, None, max(1, -(-len(numbers) // MOST_ROWS)))
        numbers, codes, target, weight = (
            numbers[thin],
            codes[thin],
            target[thin],
            None if weight is None else weight[thin],
        )
        edges = quantile_edges(numbers, self.bins, "tails")
        first = len(edges) - self.further
        edges = [*edges[:first], *(_apart(own) for own in edges[first:])]
        curves = [_Steps.of(x, e) for x, e in zip(numbers.T, edges, strict=True)]
        counts = [TRUSTED if self.further and j == first else 1.0 for j in range(len(curves))]
        centred = [count * curve.centred for count, curve in zip(counts, curves, strict=True)]
        design = [*centred, torch.isnan(numbers).double(), self._hot(codes)]
        solved = fit_ridge_logistic(
            torch.cat(design, 1), target.double(), None if weight is None else weight.double()
        )
        sizes = [*(len(curve.mean) for curve in curves), len(curves), design[-1].shape[1]]
        *rises, jumps, weights = torch.split(solved.coefficients, sizes)
        rises = [count * rise for count, rise in zip(counts, rises, strict=True)]
        self.intercept.copy_(solved.intercept)
        self.penalty.fill_(solved.penalty)
        if self.numbers is not None:
            self._take_curves(self.numbers, curves, rises, jumps)
        if self.categories is not None:
            self.categories.vectors.weight.copy_(weights[:, None])
        return solved

    def _take_curves(
        self, numbers: NumberEmbedding, curves: list[_Steps], rises: list[Tensor], jumps: Tensor
    ) -> None:
        """Put what was found into the embedding: curves begin at 0, the intercept makes up for means."""
        assert numbers.piecewise is not None
        numbers.learn([curve.edges for curve in curves])
        for parameter in numbers.parameters():
            parameter.zero_()
        for j, (curve, rise) in enumerate(zip(curves, rises, strict=True)):
            level = curve.mean @ rise
            numbers.piecewise.bends[j, : len(rise), 0] = rise
            numbers.missing[j, 0] = level + jumps[j]
            self.intercept -= level

    def _hot(self, codes: Tensor) -> Tensor:
        """Return a column a code, float64 (n, codes)."""
        if self.categories is None:
            return torch.empty(len(codes), 0, dtype=torch.float64)
        hot = torch.zeros(len(codes), len(self.categories.vectors.weight), dtype=torch.float64)
        return hot.scatter_(1, codes + self.categories.starts, 1.0)


def _apart(edges: Tensor) -> Tensor:
    """Return edges (E,) without those that make a bin narrower than :data:`NARROWEST`; at least two."""
    kept = [edges[0]]
    for edge in edges[1:]:
        if edge - kept[-1] >= NARROWEST:
            kept.append(edge)
    return torch.stack(kept if len(kept) > 1 else [kept[0] - 0.5, kept[0] + 0.5])


@dataclass(frozen=True)
class _Steps:
    """A number as the shares of its bins that it has passed.

    Attributes
    ----------
    edges : float32 tensor, shape (bins + 1,)
    centred : float64 tensor, shape (n, bins)
        Shares less their mean; 0 where the number is missing.
    mean : float64 tensor, shape (bins,)
        Of the known ones.
    """

    edges: Tensor
    centred: Tensor
    mean: Tensor

    @classmethod
    def of(cls, x: Tensor, edges: Tensor) -> _Steps:
        """Of scaled numbers (n,), NaN where missing."""
        low, high = edges[:-1].double(), edges[1:].double()
        shares = ((x.double()[:, None] - low) / (high - low)).clamp(0, 1)
        gone = torch.isnan(x)[:, None]
        mean = shares.masked_fill(gone, 0.0).sum(0) / (~gone).sum().clamp_min(1)
        return cls(edges, (shares - mean).masked_fill(gone, 0.0), mean)
