"""Which columns a model leans on: how much a figure worsens when one column's values are shuffled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bezant.evidence.intervals import normal_quantile
from bezant.metrics import CLASSIFICATION, REGRESSION
from bezant.metrics.checks import Floats, Metric
from bezant.types import InputError, Scorer

BLOCKS = 20
"""Parts of the rows that are left out in turn for the jackknife interval."""


@dataclass(frozen=True)
class PermutationImportance:
    """How much the figure worsens without each column, the most important first.

    Parameters
    ----------
    columns : tuple of str
    importance : array of shape (k,)
        Mean worsening over the repeats, in the figure's unit; positive where the model needs the column.
    std : array of shape (k,)
        Standard deviation over the repeats: the chance of shuffling alone.
    low, high : array of shape (k,)
        The interval of the mean: the chance in which rows were judged.
    metric : str
        A key of :data:`bezant.metrics.CLASSIFICATION` or :data:`bezant.metrics.REGRESSION`.
    baseline : float
        The figure with nothing shuffled, on the same rows.
    rows, rows_given : int
        Rows used, and rows there were.
    """

    columns: tuple[str, ...]
    importance: Floats
    std: Floats
    low: Floats
    high: Floats
    metric: str
    baseline: float
    rows: int
    rows_given: int

    def __post_init__(self) -> None:
        lengths = {len(self.columns)} | {len(getattr(self, n)) for n in ("importance", "std", "low", "high")}
        if len(lengths) != 1:
            raise InputError(f"The parts of an importance have {sorted(lengths)} values; give one a column.")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, in sentences."""
        if self.rows == self.rows_given:
            return ()
        return (
            f"The importance of the columns was measured on {self.rows:,} of {self.rows_given:,} rows, "
            "drawn at random.",
        )

    def to_table(self) -> pa.Table:
        """Return one row a column: column, importance, std, low, high."""
        return pa.table(
            {
                "column": pa.array(self.columns, pa.string()),
                "importance": self.importance,
                "std": self.std,
                "low": self.low,
                "high": self.high,
            }
        )


def permutation_importance(
    model: Scorer,
    table: pa.Table,
    y: npt.ArrayLike,
    *,
    columns: Sequence[str] | None = None,
    metric: str = "log_loss",
    repeats: int = 3,
    max_rows: int = 20_000,
    random_state: int | None = 0,
    level: float = 0.95,
) -> PermutationImportance:
    """Shuffle one column at a time among held-out rows and measure how much the figure worsens.

    Columns that say nearly the same share their importance: each alone can be spared, and shuffling makes
    rows that cannot exist. It tells what this model uses, not what causes the outcome.

    Parameters
    ----------
    model : Scorer
        Scores a table, such as a fitted network or traditional model.
    table : pyarrow.Table of n rows
        Held-out rows in the model's schema; it is not changed.
    y : array-like of shape (n,)
        The outcomes.
    columns : sequence of str, optional
        The columns to shuffle; all by default.
    metric : str, default "log_loss"
        A key of :data:`bezant.metrics.CLASSIFICATION` or :data:`bezant.metrics.REGRESSION` that has a
        better direction.
    repeats : int, default 3
        Shuffles of each column.
    max_rows : int, default 20,000
        More rows are sampled down to this many, which :attr:`PermutationImportance.notes` says.
    random_state : int or None, default 0
    level : float, default 0.95
        Coverage of the interval: a jackknife that leaves out a twentieth of the rows in turn.

    Raises
    ------
    InputError
        If a column or the metric does not exist, or the rows do not match.

    References
    ----------
    Breiman (2001), "Random forests", Machine Learning 45, section 10; Fisher, Rudin and Dominici (2019),
    JMLR 20, for any model; Shao and Tu (1995), "The jackknife and bootstrap", section 2.3, for groups.
    """
    figure = _metric(metric)
    outcomes = np.asarray(y)
    names = list(table.column_names) if columns is None else list(columns)
    _check(table, outcomes, names, repeats)
    rng = np.random.default_rng(random_state)
    rows_given = table.num_rows
    if rows_given > max_rows:
        kept = np.sort(rng.choice(rows_given, max_rows, replace=False))
        table, outcomes = table.take(pa.array(kept)), outcomes[kept]
    blocks = rng.permutation(np.arange(len(outcomes)) % min(BLOCKS, len(outcomes)))
    before = _figures(figure, outcomes, model.score_table(table), blocks)
    sign = -1.0 if figure.higher_is_better else 1.0
    worse = np.empty((len(names), repeats, len(before)))  # (k, repeats, 1 + blocks)
    for k, name in enumerate(names):
        for repeat in range(repeats):
            shuffled = _shuffled(table, name, rng)
            after = _figures(figure, outcomes, model.score_table(shuffled), blocks)
            worse[k, repeat] = sign * (after - before)
    importance, left_out = worse[:, :, 0].mean(axis=1), worse[:, :, 1:].mean(axis=1)
    spread = ((left_out - left_out.mean(axis=1, keepdims=True)) ** 2).mean(axis=1)
    half = normal_quantile(level) * np.sqrt(spread * (left_out.shape[1] - 1))
    std = worse[:, :, 0].std(axis=1, ddof=1) if repeats > 1 else np.full(len(names), math.nan)
    order = np.argsort(-importance, kind="stable")
    return PermutationImportance(
        columns=tuple(names[k] for k in order),
        importance=importance[order],
        std=std[order],
        low=(importance - half)[order],
        high=(importance + half)[order],
        metric=metric,
        baseline=float(before[0]),
        rows=len(outcomes),
        rows_given=rows_given,
    )


def _metric(name: str) -> Metric:
    known = {n: m for n, m in {**CLASSIFICATION, **REGRESSION}.items() if m.higher_is_better is not None}
    if name not in known:
        raise InputError(f"There is no metric {name!r} to measure by; choose one of {sorted(known)}.")
    return known[name]


def _check(table: pa.Table, outcomes: npt.NDArray[np.generic], names: list[str], repeats: int) -> None:
    if len(outcomes) != table.num_rows:
        raise InputError(
            f"The table has {table.num_rows} rows and the outcome {len(outcomes)}; give one outcome a row."
        )
    if not len(outcomes):
        raise InputError("The table has no rows; importance needs held-out rows to shuffle.")
    unknown = [name for name in names if name not in table.column_names]
    if unknown:
        raise InputError(f"There is no column {unknown[0]!r}; the columns are {table.column_names}.")
    if repeats < 1:
        raise InputError(f"A column cannot be shuffled {repeats} times; ask for 1 or more.")


def _shuffled(table: pa.Table, name: str, rng: np.random.Generator) -> pa.Table:
    position = table.column_names.index(name)
    order = pa.array(rng.permutation(table.num_rows))
    return table.set_column(position, table.schema.field(position), table.column(position).take(order))


def _figures(
    metric: Metric,
    outcomes: npt.NDArray[np.generic],
    scores: npt.NDArray[np.floating],
    blocks: npt.NDArray[np.integer],
) -> Floats:
    """Return the figure of all rows, then that without each block; shape (1 + blocks,)."""
    parts = [metric.function(outcomes, scores)]
    for block in range(int(blocks.max()) + 1):
        rest = blocks != block
        parts.append(metric.function(outcomes[rest], scores[rest]) if rest.any() else math.nan)
    return np.array(parts)
