"""The logistic scorecard: optimal bins, weights of evidence, logistic regression, points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bezant.schema import Schema
from bezant.schema.words import counted
from bezant.traditional.binning import (
    BinnedColumn,
    Column,
    column_of,
    is_constant,
    optimal_edges,
    optimal_groups,
)
from bezant.traditional.inputs import Inputs, checked_target, read_inputs
from bezant.traditional.model import refuse_foreign, refuse_no_input, refuse_unfitted, settings_of
from bezant.types import AnyArray, IntArray


class Scorecard:
    """Logistic regression on weights of evidence of optimal bins (OptBinning), with its points.

    Each input is cut into bins by the mixed-integer programme of Navas-Palencia (2020, *Optimal binning*,
    arXiv:2001.08025) with that library's defaults: at most 20 pre-bins of at least 5 % of the rows, and
    for numbers the monotone or single-peaked trend that fits best. Missing values are a bin of their own.
    Category values seen in fewer than ``rare_rows`` rows share a bin, into which new values fall too.
    Columns below ``min_information_value`` are left out, and so are columns whose coefficient comes out
    with the wrong sign, that is, where more evidence of repayment would cost points.

    Parameters
    ----------
    min_information_value : float, default 0.02
        Siddiqi's threshold of a useful characteristic.
    rare_rows : int, default 100
        Fewest rows of a category value with a place of its own; 2 % of the rows where that is less.
    regularization : float, default 1.0
        Inverse strength ``C`` of scikit-learn's logistic regression.
    base_points, base_odds, points_to_double : float, default 600, 50, 20
        A row at ``base_odds`` good to bad has ``base_points``; each doubling of the odds adds
        ``points_to_double``.
    max_binning_rows : int, default 200,000
        Bins of larger tables are found on a random sample of so many rows; counts, weights of evidence
        and coefficients always use all rows.

    Attributes
    ----------
    bins_ : tuple of BinnedColumn
        The columns that were kept.
    coefficients_ : ndarray of shape (columns,)
        Of the weights of evidence, in the log odds of default; never positive.
    intercept_ : float
        Log odds of default where every weight of evidence is 0.
    information_values_ : dict of str to float
        Of every column that has bins, kept or not.
    points_ : pyarrow.Table
        The scorecard: ``column, bin, count, event_rate, woe, points``. A row's points are the sum over
        its bins.
    notes_ : tuple of str
        What was left out, merged or sampled.
    """

    key: ClassVar[str] = "scorecard"
    name: ClassVar[str] = "Scorecard"

    def __init__(
        self,
        *,
        min_information_value: float = 0.02,
        rare_rows: int = 100,
        regularization: float = 1.0,
        base_points: float = 600.0,
        base_odds: float = 50.0,
        points_to_double: float = 20.0,
        max_binning_rows: int = 200_000,
    ) -> None:
        self.min_information_value = min_information_value
        self.rare_rows = rare_rows
        self.regularization = regularization
        self.base_points = base_points
        self.base_odds = base_odds
        self.points_to_double = points_to_double
        self.max_binning_rows = max_binning_rows

    def fit(
        self,
        table: pa.Table,
        schema: Schema,
        y: AnyArray,
        *,
        stopping_table: pa.Table,
        stopping_y: AnyArray,
        random_state: int = 0,
    ) -> Self:
        """Find the bins, choose the columns and fit the regression on the training rows alone.

        Parameters
        ----------
        table : pyarrow.Table of n rows
            Training rows, typed by :meth:`bezant.schema.Schema.conform`.
        schema : Schema
            Only its inputs are read (and the ordering time, to turn dates into ages).
        y : ndarray of shape (n,)
            1 for default, 0 for none.
        stopping_table, stopping_y
            Not read: a scorecard has nothing to stop early or to search.
        random_state : int, default 0
            Seed of the sample on which the bins of a very large table are found.

        Raises
        ------
        InputError
            For fewer than 20 rows, a target with one class, or no input.
        """
        labels = checked_target(y, table.num_rows, self.name)
        inputs = read_inputs(table, schema)
        refuse_no_input(inputs.names, schema)
        notes: list[str] = []
        binned = self._bin_all(inputs, labels, random_state, notes)
        self.schema_ = schema
        self.information_values_ = {b.name: b.information_value for b in binned}
        self._regress(self._selected(binned, notes), inputs, labels, notes)
        self.points_ = self._points_table()
        self.notes_ = tuple(notes)
        return self

    def final(self, table: pa.Table, schema: Schema, y: AnyArray, *, random_state: int = 0) -> Self:
        """Return a new scorecard with the same parameters, fitted on all rows of a table.

        Bins and columns are found anew: nothing was chosen on other rows. Parameters and errors are those
        of :meth:`fit`.
        """
        none = {"stopping_table": table.slice(0, 0), "stopping_y": np.empty(0)}
        return type(self)(**settings_of(self)).fit(table, schema, y, **none, random_state=random_state)

    def score_table(self, table: pa.Table) -> npt.NDArray[np.float64]:
        """Return the probability of default, shape (n,), of the rows of a typed table."""
        log_odds = np.full(table.num_rows, self.intercept_)
        inputs = read_inputs(table, self.schema_)
        for b, coefficient in zip(self.bins_, self.coefficients_, strict=True):
            log_odds += coefficient * b.transform(column_of(inputs, b.name))
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds)))  # the logistic function without overflow

    def score_points(self, table: pa.Table) -> npt.NDArray[np.float64]:
        """Return the points of each row, shape (n,): higher is safer; unrounded."""
        inputs = read_inputs(table, self.schema_)
        total = np.zeros(table.num_rows)
        for b, points in zip(self.bins_, self._points_by_bin(), strict=True):
            total += points[b.assign(column_of(inputs, b.name))]
        return total if self.bins_ else total + self._base()

    def to_document(self) -> dict[str, Any]:
        """Return the fitted scorecard as JSON-ready values: its bins and its coefficients."""
        refuse_unfitted(self, "bins_", self.name)
        return {
            "model": self.key,
            "settings": settings_of(self),
            "schema": self.schema_.model_dump(mode="json"),
            "bins": [b.to_document() for b in self.bins_],
            "coefficients": self.coefficients_.tolist(),
            "intercept": self.intercept_,
            "information_values": self.information_values_,
            "notes": list(self.notes_),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned; scores and points are the very same."""
        refuse_foreign(document, cls.key)
        card = cls(**document["settings"])
        card.schema_ = Schema.model_validate(document["schema"])
        card.bins_ = tuple(BinnedColumn.from_document(b) for b in document["bins"])
        card.coefficients_ = np.array(document["coefficients"], dtype=np.float64)
        card.intercept_ = document["intercept"]
        card.information_values_ = dict(document["information_values"])
        card.points_ = card._points_table()
        card.notes_ = tuple(document["notes"])
        return card

    def _bin_all(
        self, inputs: Inputs, labels: npt.NDArray[np.float64], seed: int, notes: list[str]
    ) -> list[BinnedColumn]:
        """Bin every column that takes at least two values, missing counted as one."""
        sample = np.arange(len(labels))
        if len(labels) > self.max_binning_rows:
            generator = np.random.default_rng(seed)
            sample = np.sort(generator.choice(len(labels), self.max_binning_rows, replace=False))
            notes.append(
                f"Scorecard: the bins were found on {len(sample)} of {len(labels)} rows, drawn at random."
            )
        binned: list[BinnedColumn] = []
        constant: list[str] = []
        for name in inputs.names:
            column = column_of(inputs, name)
            if is_constant(column):
                constant.append(name)
                continue
            binned.append(self._bin(name, column, labels, sample, notes))
        if constant:
            notes.append(f"Scorecard: left out as constant or empty: {', '.join(constant)}.")
        return binned

    def _bin(
        self,
        name: str,
        column: Column,
        labels: npt.NDArray[np.float64],
        sample: IntArray,
        notes: list[str],
    ) -> BinnedColumn:
        edges: npt.NDArray[np.float64] | None = None
        groups: tuple[tuple[str, ...], ...] | None = None
        rare: int | None = None
        if isinstance(column, np.ndarray):
            edges = optimal_edges(name, column[sample], labels[sample])
        else:
            fewest = min(self.rare_rows, max(5, len(labels) // 50))
            groups, rare = optimal_groups(name, column.take(pa.array(sample)), labels[sample], fewest)
            if rare is not None:
                many = len(groups[rare])
                notes.append(
                    f"Scorecard: {name} has {counted(many, 'value')} in under {fewest} rows, in a bin of "
                    "their own."
                )
        size = (len(edges) + 1 if edges is not None else len(groups or ())) + 1
        empty = np.zeros(size, dtype=np.int64)
        found = BinnedColumn(name, edges, groups, rare, empty, empty).assign(column)
        known = found >= 0  # values outside the sample are of no bin where no bin of rare values is
        counts = np.bincount(found[known], minlength=size)
        events = np.bincount(found[known], weights=labels[known], minlength=size).astype(np.int64)
        return BinnedColumn(name, edges, groups, rare, counts, events)

    def _selected(self, binned: list[BinnedColumn], notes: list[str]) -> list[BinnedColumn]:
        weak = [b for b in binned if b.information_value < self.min_information_value]
        if weak:
            listed = ", ".join(f"{b.name} ({b.information_value:.3f})" for b in weak)
            notes.append(
                "Scorecard: left out with an information value under "
                f"{self.min_information_value:g}: {listed}."
            )
        return [b for b in binned if b not in weak]

    def _regress(
        self,
        binned: list[BinnedColumn],
        inputs: Inputs,
        labels: npt.NDArray[np.float64],
        notes: list[str],
    ) -> None:
        """Fit the regression; the column with the worst wrong sign goes first, one at a time."""
        from sklearn.linear_model import LogisticRegression

        woe = {b.name: b.transform(column_of(inputs, b.name)) for b in binned}
        wrong: list[str] = []
        while binned:
            model = LogisticRegression(C=self.regularization, max_iter=1000)
            model.fit(np.column_stack([woe[b.name] for b in binned]), labels)
            coefficients = model.coef_[0]
            worst = int(np.argmax(coefficients))
            if coefficients[worst] <= 0:
                self.coefficients_, self.intercept_ = coefficients, float(model.intercept_[0])
                break
            wrong.append(binned.pop(worst).name)
        else:
            rate = labels.mean()
            self.coefficients_, self.intercept_ = np.empty(0), math.log(rate / (1 - rate))
            notes.append("Scorecard: no column is left, so every row gets the rate of the training rows.")
        if wrong:
            notes.append(f"Scorecard: left out for a coefficient of the wrong sign: {', '.join(wrong)}.")
        self.bins_: tuple[BinnedColumn, ...] = tuple(binned)

    def _base(self) -> float:
        """Points of a row whose every weight of evidence is 0."""
        factor = self.points_to_double / math.log(2)
        return self.base_points - factor * (math.log(self.base_odds) + self.intercept_)

    def _points_by_bin(self) -> list[npt.NDArray[np.float64]]:
        """Return for each column the points of its bins, then of a value never seen (bin -1)."""
        factor = self.points_to_double / math.log(2)
        share = self._base() / max(len(self.bins_), 1)
        return [
            share - factor * coefficient * np.append(b.woe, 0.0)
            for b, coefficient in zip(self.bins_, self.coefficients_, strict=True)
        ]

    def _points_table(self) -> pa.Table:
        rows: list[tuple[str, str, int, float | None, float, float]] = []
        for b, points in zip(self.bins_, self._points_by_bin(), strict=True):
            for j, label in enumerate(b.labels):
                rate = float(b.events[j] / b.counts[j]) if b.counts[j] else None
                rows.append((b.name, label, int(b.counts[j]), rate, float(b.woe[j]), float(points[j])))
        columns: list[Any] = [list(c) for c in zip(*rows, strict=True)] if rows else [[] for _ in range(6)]
        names = ("column", "bin", "count", "event_rate", "woe", "points")
        types = (pa.string(), pa.string(), pa.int64(), pa.float64(), pa.float64(), pa.float64())
        return pa.table(columns, schema=pa.schema(list(zip(names, types, strict=True))))
