"""Stress: the probability of default and the expected loss of a book under other paths of the economy.

Only the columns named in a scenario change; everything else stays as it is known of each loan. The answer
is what the model has learned of those columns and nothing else, so the notes say where it had nothing to
learn from: beyond the training range, and from how many different values it learned at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.histories import read_table
from bezant.network.scoring import TableModel
from bezant.schema import Kind, unknown_column
from bezant.types import FloatArray, Frame, InputError

AS_GIVEN = "as given"
"""The scenario in which nothing changes; it is always there to compare with."""


@dataclass(frozen=True)
class Scenario:
    """What becomes of some columns.

    Parameters
    ----------
    name : str
        Such as "adverse".
    values : mapping of str to float or sequence of float
        By column, its value, or its path: one value a step, the same number of steps for all paths. A
        column that was joined as of its publication takes at each step what would be *known* then.

    Raises
    ------
    InputError
        If it changes nothing, a value is no finite number, or paths differ in length.
    """

    name: str
    values: Mapping[str, float | Sequence[float]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))
        lengths = set()
        for column, given in self.values.items():
            path = np.atleast_1d(np.asarray(given))
            if path.ndim != 1 or not len(path) or path.dtype.kind not in "iuf" or not np.isfinite(path).all():
                raise InputError(
                    f"Scenario {self.name!r} gives {given!r} for column {column!r}; give a number or a path "
                    "of numbers."
                )
            lengths |= {len(path)} if np.ndim(given) else set()
        if not self.values:
            raise InputError(f"Scenario {self.name!r} changes no column; name at least one with its value.")
        if len(lengths) > 1:
            raise InputError(
                f"The paths of scenario {self.name!r} have {sorted(lengths)} steps; give all the same number."
            )

    def steps(self) -> list[dict[str, float]]:
        """Return the value of each column at each step; a single value holds at all of them."""
        length = max(np.size(v) for v in self.values.values())
        paths = {c: np.broadcast_to(np.atleast_1d(v), length) for c, v in self.values.items()}
        return [{c: float(p[step]) for c, p in paths.items()} for step in range(length)]


@dataclass(frozen=True, eq=False)
class StressTest:
    """A book of n loans under several scenarios.

    Attributes
    ----------
    probabilities : mapping of str to float64 array of shape (steps, n)
        By scenario, each loan's probability of default if it were decided on at that step.
    expected_loss : mapping of str to float64 array of shape (steps,)
        By scenario, of the whole book, in the unit of the exposures; empty if none were given.
    notes : tuple of str
        Where the answer is extrapolation, and from how much it was learned.
    """

    probabilities: Mapping[str, FloatArray]
    expected_loss: Mapping[str, FloatArray]
    notes: tuple[str, ...]

    def to_table(self) -> pa.Table:
        """Return one row a scenario and step: mean probability, its ratio to as given, expected loss."""
        base = float(self.probabilities[AS_GIVEN].mean())
        rows = []
        for name, p in self.probabilities.items():
            losses = self.expected_loss.get(name, np.full(len(p), np.nan))
            for step, (mean, loss) in enumerate(zip(p.mean(axis=1), losses, strict=True)):
                rows.append(
                    {
                        "scenario": name,
                        "step": step,
                        "mean_pd": float(mean),
                        "ratio_to_as_given": float(mean) / base,
                        "expected_loss": None if np.isnan(loss) else float(loss),
                    }
                )
        return pa.Table.from_pylist(rows)


def stress_test(
    model: Any,
    X: Frame,
    scenarios: Sequence[Scenario],
    *,
    month: float | None = None,
    exposure: Any = None,
    loss_given_default: Any = None,
) -> StressTest:
    """Return probabilities of default, and the expected loss, under scenarios.

    Parameters
    ----------
    model : CreditRisk or PDTermStructure
        Fitted, with the scenarios' columns among its inputs.
    X : frame with n rows
        The book.
    scenarios : sequence of Scenario
        "as given" is added as the first.
    month : float, optional
        Age by which a default counts: for a :class:`PDTermStructure`, which needs it, and no other.
    exposure : array-like of shape (n,), optional
        Exposure at default of each loan.
    loss_given_default : float or array-like of shape (n,), optional
        Share of the exposure that is lost, 0 to 1; given if and only if ``exposure`` is.

    Raises
    ------
    InputError
        If a column is no number among the model's inputs, scenarios share a name, or exposures and
        losses do not fit.

    Notes
    -----
    A network's inputs stop at the edges of their training range: beyond them a value counts as the edge, and
    the answer stays where it is. Scenarios worse than anything in the training rows are therefore answered
    too mildly, and a note says so.
    """
    if not scenarios:
        raise InputError("There is no scenario; give at least one Scenario(name, values).")
    table = read_table(X)
    if not table.num_rows:
        raise InputError("The book has no rows; give the loans to stress.")
    names = [AS_GIVEN, *(s.name for s in scenarios)]
    if len(set(names)) < len(names):
        raise InputError(f"Two of the scenarios {names} have the same name; rename one.")
    learned: TableModel = model.model_
    for scenario in scenarios:
        _refuse_unread(scenario, learned)
    losses = _losses(exposure, loss_given_default, table.num_rows)
    steps: dict[str, list[dict[str, float]]] = {AS_GIVEN: [{}], **{s.name: s.steps() for s in scenarios}}
    probabilities = {
        name: np.stack([_probability(model, _changed(table, values), month) for values in path])
        for name, path in steps.items()
    }
    expected = {} if losses is None else {name: p @ losses for name, p in probabilities.items()}
    return StressTest(probabilities, expected, _notes(scenarios, learned, model))


def training_range(learned: TableModel, column: str) -> tuple[float, float]:
    """Return the least and the greatest value of a number in the training rows, to single precision.

    Raises
    ------
    InputError
        If the column is no number among the model's inputs.
    """
    places = [j for j, c in enumerate(learned.encoding.numbers) if c.field == column and c.part == "value"]
    fields = learned.network.fields
    if not places or fields.numbers is None:
        raise InputError(f"Column {column!r} is not a number among the model's inputs; name one that is.")
    place = places[0]
    edges = np.array([fields.numbers.low[place], fields.numbers.high[place]], np.float64)
    wide = edges / np.sqrt(np.maximum(1 - (edges / 3) ** 2, 1e-12))  # undoes RobustScale
    low, high = float(fields.scale.centre[place]) + float(fields.scale.scale[place]) * wide
    return float(low), float(high)


def _refuse_unread(scenario: Scenario, learned: TableModel) -> None:
    inputs = {f.name: f for f in learned.schema.inputs}
    for column in scenario.values:
        if column not in inputs:
            raise unknown_column(column, list(inputs))
        if inputs[column].kind is not Kind.NUMBER:
            raise InputError(
                f"Column {column!r} is a {inputs[column].kind.value} for the model and takes no path; give "
                "numbers."
            )


def _losses(exposure: Any, share: Any, rows: int) -> FloatArray | None:
    """Return what each loan loses at default, shape (n,)."""
    if (exposure is None) is not (share is None):
        raise InputError("An expected loss needs both exposure and loss_given_default; give both or neither.")
    if exposure is None:
        return None
    amounts = np.asarray(exposure, np.float64)
    shares = np.asarray(share, np.float64)
    if amounts.shape != (rows,) or shares.shape not in ((), (rows,)):
        raise InputError(
            f"exposure has the shape {amounts.shape} and loss_given_default {shares.shape} for {rows} loans; "
            "give one value a loan, or a single loss_given_default."
        )
    if not (amounts >= 0).all() or not ((shares >= 0) & (shares <= 1)).all():
        raise InputError(
            f"Of {rows} loans, {int((~(amounts >= 0)).sum())} have an exposure missing or below 0, or "
            "loss_given_default is not between 0 and 1; mend them."
        )
    return amounts * shares


def _changed(table: pa.Table, values: Mapping[str, float]) -> pa.Table:
    for column, value in values.items():
        filled = pa.array(np.full(table.num_rows, value))
        if column in table.column_names:
            table = table.set_column(table.column_names.index(column), column, filled)
        else:
            table = table.append_column(column, filled)
    return table


def _probability(model: Any, table: pa.Table, month: float | None) -> FloatArray:
    if hasattr(model, "predict_pd") is (month is None):
        raise InputError(
            f"A {type(model).__name__} {'needs a' if month is None else 'has no'} month by which a default "
            f"counts; {'give month=12, say' if month is None else 'leave it out'}."
        )
    if month is None:
        return np.asarray(model.predict_proba(table)[:, 1], np.float64)
    return np.asarray(model.predict_pd(table, months=(month,))[:, 0], np.float64)


def _notes(scenarios: Sequence[Scenario], learned: TableModel, model: Any) -> tuple[str, ...]:
    notes = []
    for scenario in scenarios:
        for column, given in scenario.values.items():
            low, high = training_range(learned, column)
            slack = 1e-4 * max(high - low, abs(low), abs(high), 1e-12)
            path = np.atleast_1d(np.asarray(given, np.float64))
            outside = int(((path < low - slack) | (path > high + slack)).sum())
            if outside:
                notes.append(
                    f"Scenario {scenario.name!r}: {outside} of {len(path)} values of {column!r} lie outside "
                    f"the training range of {low:.4g} to {high:.4g}; the network counts them as its edge, so "
                    "the answer is too mild or says nothing."
                )
    summaries = {c.name: c for c in model.record_.summary.columns}
    coded = {c.field for c in learned.encoding.codes}
    for column in sorted({c for s in scenarios for c in s.values}):
        notes.append(
            f"Column {column!r} took {summaries[column].distinct} different values in the training rows: "
            "what the model knows of its effect rests on no more than that, and on whatever else moved with "
            "it then."
        )
        if column in coded:
            notes.append(
                f"The exact values of {column!r} are read as categories too; one that no training row had "
                "counts there as unknown."
            )
    return tuple(notes)
