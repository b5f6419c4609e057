"""FieldEmbedding: one record, with its numbers, categories and gaps, as one vector."""

from __future__ import annotations

from dataclasses import replace

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from bezant.network.batch import Batch
from bezant.network.fields.categories import CategoryEmbedding
from bezant.network.fields.interactions import PairStatistics, learn_pairs
from bezant.network.fields.numbers import (
    EdgeSpacing,
    NumberEmbedding,
    NumberEmbeddingKind,
    RobustScale,
    quantile_edges,
)
from bezant.network.fields.ratios import choose_ratios, log_ratios
from bezant.network.fields.statistics import TargetStatistics


class FieldConfig(BaseModel):
    """Everything needed to build a FieldEmbedding again; its learned values are tensors.

    Parameters
    ----------
    n_bins : tuple of int
        Bins of each raw number, then of each log-ratio, target statistic and pair statistic.
    cardinalities : tuple of int
        Codes of each code column.
    statistics : tuple of int
        Places of the code columns that get target statistics.
    smoothings : tuple of float
        Strengths of smoothing, in rows.
    number_width, category_width : int
        Lengths of the vectors.
    number_embedding : {"piecewise", "periodic", "both"}
        How numbers become vectors.
    hide : float
        Share of codes hidden in training.
    binary : bool
        Whether the target is 0/1.
    most_pairs : int, default 24
        At most this many pairs of columns get pair statistics; 0 for none.
    most_ratios : int, default 8
        At most this many pairs of amounts get log-ratios; 0 for none.
    ratios, pairs : tuple of (int, int)
        The pairs chosen on training rows; see :mod:`.ratios` and :mod:`.interactions`.
    pair_cells : int
        Number of cells of all pairs together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_bins: tuple[int, ...]
    cardinalities: tuple[int, ...]
    statistics: tuple[int, ...] = ()
    embedded: tuple[int, ...] = ()
    smoothings: tuple[float, ...] = (10.0, 100.0)
    number_width: int = 16
    category_width: int = 16
    number_embedding: NumberEmbeddingKind = "piecewise"
    hide: float = 0.0
    binary: bool = True
    most_pairs: int = 24
    most_ratios: int = 8
    ratios: tuple[tuple[int, int], ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    pair_cells: int = 0


class FieldEmbedding(nn.Module):
    """Turn the fields of a row into one vector.

    Notes
    -----
    Shape: a :class:`Batch` of B rows to (B, width).
    """

    embedded: Tensor

    def __init__(self, config: FieldConfig) -> None:
        super().__init__()
        self.config = config
        self.statistics = TargetStatistics(
            config.cardinalities, config.statistics, config.smoothings, binary=config.binary
        )
        own = len(config.statistics) * (len(config.smoothings) + 1) + len(config.pairs)
        self.interactions = (
            PairStatistics(config.cardinalities, len(config.n_bins) - own, config.pairs, config.pair_cells)
            if config.pairs
            else None
        )
        self.scale = RobustScale(len(config.n_bins))
        self.register_buffer("embedded", torch.tensor(config.embedded, dtype=torch.int64), persistent=False)
        self.numbers = (
            NumberEmbedding(config.n_bins, config.number_width, config.number_embedding)
            if config.n_bins
            else None
        )
        self.categories = (
            CategoryEmbedding(
                tuple(config.cardinalities[c] for c in config.embedded), config.category_width, config.hide
            )
            if config.embedded
            else None
        )

    @property
    def chunks(self) -> list[int]:
        """Length of each field's part of the vector, in order."""
        c = self.config
        return [c.number_width] * len(c.n_bins) + [c.category_width] * len(c.embedded)

    @property
    def width(self) -> int:
        """Length of the row's vector."""
        return sum(self.chunks)

    def forward(self, batch: Batch) -> Tensor:
        """Embed a batch."""
        parts: list[Tensor] = []
        if self.numbers is not None:
            parts.append(self.numbers(self.scaled(batch)).flatten(1))
        if self.categories is not None:
            parts.append(self.categories(self.embedded_codes(batch)).flatten(1))
        if not parts:  # rows of which only records are known
            return batch.numbers.new_zeros(len(batch), 0)
        return torch.cat([p.to(parts[0].dtype) for p in parts], 1)  # (B, width)

    def scaled(self, batch: Batch) -> Tensor:
        """Return all numbers, with ratios and statistics, scaled: (B, N); NaN where missing."""
        return self.scale(self._all_numbers(batch))  # type: ignore[no-any-return]

    def embedded_codes(self, batch: Batch) -> Tensor:
        """Return the codes of the columns that have vectors of their own: (B, C')."""
        return batch.codes.index_select(1, self.embedded)

    def _all_numbers(self, batch: Batch) -> Tensor:
        numbers = with_ratios(batch.numbers, self.config.ratios)
        if batch.statistics is not None:
            return torch.cat([numbers, batch.statistics], 1)  # (B, P + R + S + pairs)
        parts = [numbers, self.statistics(batch.codes)]
        if self.interactions is not None:
            parts.append(self.interactions(batch.codes, numbers))
        return torch.cat(parts, 1)


def with_ratios(numbers: Tensor, ratios: tuple[tuple[int, int], ...]) -> Tensor:
    """Append the log-ratios of these pairs of columns: (B, P) to (B, P + R)."""
    return torch.cat([numbers, log_ratios(numbers, ratios)], 1) if ratios else numbers


def learn_fields(
    batch: Batch, folds: Tensor, config: FieldConfig, most_bins: int, spacing: EdgeSpacing = "even"
) -> tuple[FieldEmbedding, Batch]:
    """Build a FieldEmbedding from training rows.

    Parameters
    ----------
    batch : Batch
        All training rows, with their target.
    folds : int64 tensor, shape (n,)
        Fold of each row for out-of-fold statistics.
    config : FieldConfig
        As wished; ``n_bins`` is filled in here.
    most_bins : int
        At most this many bins a number.
    spacing : {"even", "tails"}, default "even"
        Of their edges; see :func:`quantile_edges`.

    Returns
    -------
    FieldEmbedding
        With scales, bins and target statistics learned, and fresh weights.
    Batch
        The same rows with their out-of-fold statistics.
    """
    assert batch.target is not None
    learner = TargetStatistics(
        config.cardinalities, config.statistics, config.smoothings, binary=config.binary
    )
    out_of_fold = learner.learn(batch.codes, batch.target, folds)
    ratios = choose_ratios(batch.numbers, config.most_ratios) if config.most_ratios else ()
    raw = with_ratios(batch.numbers, ratios)
    _, interactions, corrections = learn_pairs(
        batch.codes,
        raw,
        batch.target,
        folds,
        config.cardinalities,
        most=config.most_pairs,
        binary=config.binary,
    )
    out_of_fold = torch.cat([out_of_fold, corrections], 1)
    fields = finished_fields(config, raw, out_of_fold, ratios, learner, interactions, most_bins, spacing)
    return fields, replace(batch, statistics=out_of_fold)


def finished_fields(
    config: FieldConfig,
    raw: Tensor,
    out_of_fold: Tensor,
    ratios: tuple[tuple[int, int], ...],
    learner: TargetStatistics,
    interactions: PairStatistics,
    most_bins: int,
    spacing: EdgeSpacing = "even",
) -> FieldEmbedding:
    """Build a FieldEmbedding whose statistics are learned: learn scales and bins, draw the weights.

    Parameters
    ----------
    config : FieldConfig
        As wished; what was learned is filled in here.
    raw, out_of_fold : float32 tensors, shapes (n, P + R) and (n, S)
        Raw numbers with their log-ratios, and statistics, of training rows.
    ratios : tuple of (int, int)
        The chosen log-ratios.
    learner, interactions : TargetStatistics, PairStatistics
        Learned.
    most_bins : int
        At most this many bins a number.
    spacing : {"even", "tails"}, default "even"
        Of their edges; see :func:`quantile_edges`.
    """
    numbers = torch.cat([raw, out_of_fold], 1)
    scale = RobustScale(numbers.shape[1])
    scale.learn(numbers)
    edges = quantile_edges(scale(numbers), most_bins, spacing)
    learned = {
        "n_bins": tuple(len(e) - 1 for e in edges),
        "ratios": ratios,
        "pairs": tuple((int(a), int(b)) for a, b in zip(interactions.left, interactions.right, strict=True)),
        "pair_cells": len(interactions.keys),
    }
    fields = FieldEmbedding(config.model_copy(update=learned))
    fields.statistics.load_state_dict(learner.state_dict())
    if fields.interactions is not None:
        fields.interactions.load_state_dict(interactions.state_dict())
    fields.scale.load_state_dict(scale.state_dict())
    if fields.numbers is not None:
        fields.numbers.learn(edges)
    return fields
