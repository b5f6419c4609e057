"""Pair statistics: what two fields say together beyond what each says alone, as one number a pair.

A target statistic of a pair of columns mostly repeats what the columns' own statistics say. Therefore
an additive model of the single statistics comes first, and a pair's cell gets the ridge-penalised
Newton step that the target takes away from it: ``sum(y - p) / (strength + sum(p (1 - p)))``, a log-odds
correction that is 0 for a cell without rows. Training rows get those of the other folds. A pair is
kept if its correction lowers the out-of-fold loss of the additive model by more than chance would.
This is one round of Newton boosting (Friedman, Hastie and Tibshirani 2000, section 4) over the cells.

The additive model itself has one weight a column, fitted on all training rows: a row's own target
reaches its corrections only through those weights and the model's answers on other rows.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bezant.network.fields.statistics import Tally, TargetStatistics

STRENGTH = 20.0
"""Penalty in units of information: a priori a correction has a standard deviation of 20 ** -0.5 logits."""

PAIR_BINS = 16
"""Numbers take part as quantile bins."""

MOST_SOURCES = 24
"""Columns that may form pairs, the most telling first: candidates grow with the square."""

CHOOSING_ROWS = 200_000
"""Rows on which pairs are chosen; those chosen are learned on all rows."""

CHANCE = 3.0
"""A pair's out-of-fold gain must be this many standard errors above 0."""

_CELLS = 40
"""Bits of a cell's number within its pair."""


class PairStatistics(nn.Module):
    """Tables of corrections for the cells of some pairs of sources.

    Sources are the C code columns, then the N numbers in quantile bins.

    Parameters
    ----------
    cardinalities : tuple of int
        Number of codes of every code column.
    n_numbers : int
        Number N of numbers.
    pairs : tuple of (int, int)
        Places of the sources of each pair.
    cells : int
        Number of cells of all pairs together that training rows fell into.

    Notes
    -----
    Shape: codes (B, C) and numbers (B, N) to (B, pairs).
    """

    left: Tensor
    right: Tensor
    across: Tensor
    starts: Tensor
    edges: Tensor
    keys: Tensor
    values: Tensor

    def __init__(
        self, cardinalities: tuple[int, ...], n_numbers: int, pairs: tuple[tuple[int, int], ...], cells: int
    ) -> None:
        super().__init__()
        sizes = torch.tensor([*cardinalities, *[PAIR_BINS + 1] * n_numbers], dtype=torch.int64)
        chosen = torch.tensor(pairs, dtype=torch.int64).view(-1, 2)
        self.register_buffer("left", chosen[:, 0], persistent=False)
        self.register_buffer("right", chosen[:, 1], persistent=False)
        self.register_buffer("across", sizes[chosen[:, 1]], persistent=False)
        self.register_buffer("starts", torch.arange(len(chosen)) << _CELLS, persistent=False)
        self.register_buffer("edges", torch.full((n_numbers, PAIR_BINS - 1), torch.inf))
        self.register_buffer("keys", torch.zeros(cells, dtype=torch.int64))
        self.register_buffer("values", torch.zeros(cells))

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Look the corrections up, learned on all training rows; 0 for a cell never seen."""
        keys = self._keys_of(all_sources(codes, numbers, self.edges))  # (B, pairs)
        place = torch.searchsorted(self.keys, keys).clamp_max(max(len(self.keys) - 1, 0))
        return torch.where(self.keys[place] == keys, self.values[place], 0.0)

    def _keys_of(self, sources: Tensor) -> Tensor:
        return self.starts + sources[:, self.left] * self.across + sources[:, self.right]


def learn_pairs(
    codes: Tensor,
    numbers: Tensor,
    target: Tensor,
    folds: Tensor,
    cardinalities: tuple[int, ...],
    *,
    most: int,
    binary: bool = True,
) -> tuple[tuple[tuple[int, int], ...], PairStatistics, Tensor]:
    """Choose pairs on training rows and learn their corrections.

    Parameters
    ----------
    codes : int32 tensor, shape (n, C)
    numbers : float32 tensor, shape (n, N)
        NaN where missing.
    target : float32 tensor, shape (n,)
    folds : int64 tensor, shape (n,)
        Fold of each row, 0 to K - 1.
    cardinalities : tuple of int
        Number of codes of every code column.
    most : int
        At most this many pairs.
    binary : bool, default True
        Whether the target is 0/1; otherwise corrections are in units of the target.

    Returns
    -------
    tuple of (int, int)
        The chosen pairs, the most telling first.
    PairStatistics
        With its tables learned on all rows.
    float32 tensor, shape (n, pairs)
        The rows' out-of-fold corrections.
    """
    edges = bin_edges(numbers)
    if not most or not len(codes):
        return (), PairStatistics(cardinalities, numbers.shape[1], (), 0), torch.empty(len(codes), 0)
    sources = all_sources(codes, numbers, edges)  # (n, C + N)
    sizes = (*cardinalities, *[PAIR_BINS + 1] * numbers.shape[1])
    model, base = additive_model(sources, sizes, target, folds, binary)
    residual, information = target.double() - base, base * (1 - base) if binary else torch.ones_like(base)
    pairs = choose_pairs(sources, sizes, model.telling, base, target.double(), folds, most, binary)
    learned, out_of_fold = _learn(
        pairs, edges, sources, sizes, residual, information, folds, len(cardinalities)
    )
    return pairs, learned, out_of_fold


def _learn(
    pairs: tuple[tuple[int, int], ...],
    edges: Tensor,
    sources: Tensor,
    sizes: tuple[int, ...],
    residual: Tensor,
    information: Tensor,
    folds: Tensor,
    n_codes: int,
) -> tuple[PairStatistics, Tensor]:
    """Tables of these pairs, learned on all rows, and the rows' out-of-fold corrections (n, pairs)."""
    learned, columns = [], []
    for left, right in pairs:
        found, cell = torch.unique(sources[:, left] * sizes[right] + sources[:, right], return_inverse=True)
        whole, out_of_fold = _corrections(cell, len(found), residual, information, folds)
        learned.append((found, whole))
        columns.append(out_of_fold.float())
    module = pair_statistics(pairs, edges, sizes, learned, n_codes)
    return module, torch.stack(columns, 1) if columns else torch.empty(len(sources), 0)


def pair_statistics(
    pairs: tuple[tuple[int, int], ...],
    edges: Tensor,
    sizes: tuple[int, ...],
    learned: list[tuple[Tensor, Tensor]],
    n_codes: int,
) -> PairStatistics:
    """Return the module that holds the known cells of each pair, sorted, and their corrections."""
    module = PairStatistics(sizes[:n_codes], len(sizes) - n_codes, pairs, sum(len(k) for k, _ in learned))
    module.edges.copy_(edges)
    if pairs:
        module.keys.copy_(torch.cat([keys + (place << _CELLS) for place, (keys, _) in enumerate(learned)]))
        module.values.copy_(torch.cat([values.float() for _, values in learned]))
    return module


def all_sources(codes: Tensor, numbers: Tensor, edges: Tensor) -> Tensor:
    """Return the codes (B, C) and the numbers' bins (B, N), side by side; bin 0 is a missing number."""
    columns = numbers.T.contiguous()
    bins = torch.searchsorted(edges, columns, right=True) + 1
    return torch.cat([codes.long(), torch.where(torch.isnan(columns), 0, bins).T], 1)


def bin_edges(numbers: Tensor) -> Tensor:
    """Inner edges of the quantile bins of each number, (N, bins - 1); equal ones merge by themselves."""
    edges = torch.full((numbers.shape[1], PAIR_BINS - 1), torch.inf)
    for row, column in zip(edges, numbers.T, strict=True):
        known = column[~torch.isnan(column)].sort().values
        if len(known):
            row.copy_(known[torch.arange(1, PAIR_BINS) * len(known) // PAIR_BINS])
    return edges


@dataclass(frozen=True)
class AdditiveModel:
    """The target from the sources' out-of-fold statistics, one weight each.

    Attributes
    ----------
    single : TargetStatistics
        Of all sources.
    tables : float32 tensor, shape (K, size, 2)
        Their statistics without each fold.
    centre : float64 tensor, shape (C + N,)
        Means of the statistics.
    weights : float64 tensor, shape (C + N + 1,)
        The intercept last.
    telling : list of int
        The most telling sources.
    """

    single: TargetStatistics
    tables: Tensor
    centre: Tensor
    weights: Tensor
    telling: list[int]

    def answers(self, sources: Tensor, folds: Tensor) -> Tensor:
        """Return the expected target (n,) of training rows, by the statistics of the other folds."""
        x = self.single.look_up(self.tables, sources, folds)[:, ::2].double() - self.centre
        linear = x @ self.weights[:-1] + self.weights[-1]
        return torch.sigmoid(linear) if self.single.binary else linear


def single_statistics(sizes: tuple[int, ...], binary: bool) -> TargetStatistics:
    """Return what tallies the statistics that an additive model is made of."""
    return TargetStatistics(sizes, tuple(range(len(sizes))), (STRENGTH,), binary=binary)


def additive_model(
    sources: Tensor,
    sizes: tuple[int, ...],
    target: Tensor,
    folds: Tensor,
    binary: bool,
    tally: Tally | None = None,
) -> tuple[AdditiveModel, Tensor]:
    """Fit the target to the sources' out-of-fold statistics.

    Parameters
    ----------
    sources : int64 tensor, shape (n, C + N)
    sizes : tuple of int
        Number of values of each source.
    target, folds : tensors, shape (n,)
    binary : bool
    tally : Tally, optional
        Of more rows than these, if these are but a sample to fit the weights to.

    Returns
    -------
    AdditiveModel, float64 tensor of shape (n,)
        The model, and its answers on these rows.
    """
    single = single_statistics(sizes, binary)
    if tally is None:
        tally = single.tally(sources, target, folds, int(folds.max()) + 1 if len(folds) else 1)
    tables = single.take(tally)
    x = single.look_up(tables, sources, folds)[:, ::2].double()
    centre = x.mean(0)
    x = x - centre
    telling = sorted(range(len(sizes)), key=lambda c: -float(x[:, c].var(correction=0)))[:MOST_SOURCES]
    design = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    penalty = torch.eye(design.shape[1], dtype=x.dtype)
    weights = torch.zeros(design.shape[1], dtype=x.dtype)
    y = target.double()
    for _ in range(8 if binary else 1):
        p = torch.sigmoid(design @ weights) if binary else design @ weights
        information = p * (1 - p) if binary else torch.ones_like(p)
        gradient = design.T @ (y - p) - penalty @ weights
        weights = weights + torch.linalg.solve(design.T @ (design * information[:, None]) + penalty, gradient)
    answers = torch.sigmoid(design @ weights) if binary else design @ weights
    return AdditiveModel(single, tables, centre, weights, sorted(telling)), answers


def choose_pairs(
    sources: Tensor,
    sizes: tuple[int, ...],
    telling: list[int],
    base: Tensor,
    target: Tensor,
    folds: Tensor,
    most: int,
    binary: bool,
) -> tuple[tuple[int, int], ...]:
    """Return the pairs whose corrections pay on these rows, the most telling first."""
    rows = torch.arange(0, len(target), -(-len(target) // CHOOSING_ROWS))
    sources, base, target, folds = sources[rows], base[rows], target[rows], folds[rows]
    residual, information = target - base, base * (1 - base) if binary else torch.ones_like(base)
    before = _losses(base, target, torch.zeros_like(base), binary)
    gains: list[tuple[float, tuple[int, int]]] = []
    for left, right in itertools.combinations(telling, 2):
        found, cell = torch.unique(sources[:, left] * sizes[right] + sources[:, right], return_inverse=True)
        correction = _corrections(cell, len(found), residual, information, folds)[1]
        gain = before - _losses(base, target, correction, binary)
        if float(gain.mean()) > CHANCE * float(gain.std(correction=0)) / len(gain) ** 0.5:
            gains.append((float(gain.mean()), (left, right)))
    return tuple(pair for _, pair in sorted(gains, reverse=True)[:most])


def _losses(base: Tensor, target: Tensor, correction: Tensor, binary: bool) -> Tensor:
    if not binary:
        return (target - base - correction) ** 2
    logit = torch.logit(base, 1e-6) + correction
    return nn.functional.binary_cross_entropy_with_logits(logit, target, reduction="none")


def _corrections(
    cell: Tensor, cells: int, residual: Tensor, information: Tensor, folds: Tensor
) -> tuple[Tensor, Tensor]:
    """Newton steps of all cells (cells,), and each row's from the other folds alone (n,)."""
    n_folds = int(folds.max()) + 1 if len(folds) else 1
    place = folds * cells + cell
    steps = torch.bincount(place, residual, n_folds * cells).view(n_folds, cells)
    weights = torch.bincount(place, information, n_folds * cells).view(n_folds, cells)
    whole, others = newton_steps(steps, weights)
    return whole, others.flatten()[place]


def newton_steps(steps: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the corrections (cells,) from sums by fold and cell (K, cells), and those without each fold."""
    whole = steps.sum(0) / (weights.sum(0) + STRENGTH)
    others = (steps.sum(0) - steps) / (weights.sum(0) - weights + STRENGTH)
    return whole, others
