"""What the report's tables print: numbers as words a reader sees, best values marked, tests in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from bezant.evidence.evaluation import Comparison, Estimate, Evaluation
from bezant.metrics import CLASSIFICATION
from bezant.schema.words import counted

DECIMALS: Mapping[str, int] = {
    "log_loss": 4,
    "brier": 4,
    "expected_calibration_error": 4,
    "calibration_slope": 2,
    "calibration_intercept": 2,
    "lift": 2,
}
"""Digits of the figures that are not printed with :data:`USUAL_DECIMALS`."""

USUAL_DECIMALS = 3

MOST_GROUPS = 40
"""Groups that one table lists; a report stays readable, and small, however many there are."""

ABSENT = "–"
"""Stands where a figure does not exist."""


@dataclass(frozen=True)
class Cell:
    """One figure of one model, as printed."""

    figure: str
    text: str
    interval: str
    best: bool


@dataclass(frozen=True)
class FigureColumn:
    """Heading of a column: the figure's name, and which way is better."""

    label: str
    direction: str


@dataclass(frozen=True)
class ModelRow:
    """One model's row of the comparison."""

    model: str
    large: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ComparisonTable:
    """All figures of all models, with intervals, best values marked."""

    figures: tuple[FigureColumn, ...]
    rows: tuple[ModelRow, ...]


@dataclass(frozen=True)
class SignificanceRow:
    """One paired test; its name spans ``span`` rows, 0 where a row above already shows it."""

    against: str
    figure: str
    difference: str
    interval: str
    p_value: str
    words: str
    test: str
    outcome: str
    span: int


@dataclass(frozen=True)
class GroupRow:
    """One period or segment."""

    group: str
    rows: str
    events: str
    observed: str
    predicted: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class GroupTable:
    """One figure of every model in each group."""

    group_by: str
    figure: str
    models: tuple[str, ...]
    rows: tuple[GroupRow, ...]
    left_off: str


# ------------------------------------------------------------------------------------------ words


def number(value: float, figure: str) -> str:
    """Return a figure with its number of digits, a true minus sign, and a dash where it does not exist."""
    if not math.isfinite(value):
        return ABSENT
    return f"{value:.{DECIMALS.get(figure, USUAL_DECIMALS)}f}".replace("-", "−")


def interval(low: float, high: float, figure: str) -> str:
    """Return "low–high" ("low to high" where one is negative), or nothing where there is no interval."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    between = "–" if low >= 0 else " to "
    return f"{number(low, figure)}{between}{number(high, figure)}"


def percent(share: float, decimals: int = 1) -> str:
    """Return a share as per cent."""
    return f"{100 * share:.{decimals}f}%" if math.isfinite(share) else ABSENT


def listed(names: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def label(figure: str) -> str:
    """Return a figure's name in tables."""
    return CLASSIFICATION[figure].label if figure in CLASSIFICATION else figure.replace("_", " ").capitalize()


def in_a_sentence(figure: str) -> str:
    """Return a figure's name inside a sentence: abbreviations and names keep their capitals."""
    name = label(figure)
    return name if name[1:2].isupper() or name.startswith(("Brier", "Gini")) else name[0].lower() + name[1:]


# ----------------------------------------------------------------------------------------- tables


def model_order(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the models, the large one first, the others as evaluated."""
    return (evaluation.large, *(model for model in evaluation.figures if model != evaluation.large))


def comparison_table(evaluation: Evaluation) -> ComparisonTable:
    """Return every figure of every model with its interval."""
    models = model_order(evaluation)
    shown = [name for name in CLASSIFICATION if name in evaluation.figures[evaluation.large]]
    columns = {
        figure: _cells(figure, [evaluation.figures[model].get(figure) for model in models])
        for figure in shown
    }
    rows = tuple(
        ModelRow(model, model == evaluation.large, tuple(columns[figure][i] for figure in shown))
        for i, model in enumerate(models)
    )
    return ComparisonTable(tuple(FigureColumn(label(name), _direction(name)) for name in shown), rows)


def _direction(figure: str) -> str:
    metric = CLASSIFICATION[figure]
    if metric.higher_is_better is None:
        return f"ideal {metric.ideal:g}"
    return "higher is better" if metric.higher_is_better else "lower is better"


def goodness(value: float, figure: str) -> float:
    """Return a value that is larger the better the figure is; minus infinity where it does not exist."""
    metric = CLASSIFICATION[figure]
    if not math.isfinite(value):
        return -math.inf
    if metric.higher_is_better is None:
        return -abs(value - (metric.ideal or 0.0))
    return value if metric.higher_is_better else -value


def _cells(figure: str, estimates: Sequence[Estimate | None]) -> list[Cell]:
    found = [estimate or Estimate(math.nan) for estimate in estimates]
    scores = [goodness(estimate.value, figure) for estimate in found]
    best = max(scores)
    return [
        Cell(
            figure,
            number(estimate.value, figure),
            interval(estimate.low, estimate.high, figure),
            len(found) > 1 and math.isfinite(best) and score == best,
        )
        for estimate, score in zip(found, scores, strict=True)
    ]


def outcome(comparison: Comparison, level: float) -> str:
    """Return ``"better"``, ``"worse"`` or ``"level"``: what the test says of the large model."""
    metric = CLASSIFICATION.get(comparison.figure)
    p_value = comparison.adjusted_p_value
    if p_value is None or not p_value < 1 - level or metric is None or metric.higher_is_better is None:
        return "level"
    return "better" if (comparison.difference > 0) == metric.higher_is_better else "worse"


def significance_rows(evaluation: Evaluation) -> tuple[SignificanceRow, ...]:
    """Return the paired tests in figures and in words."""
    order = list(dict.fromkeys(test.against for test in evaluation.comparisons))
    said = {
        "better": "Better, by more than chance",
        "worse": "Worse, by more than chance",
        "level": "No difference beyond chance",
    }
    rows: list[SignificanceRow] = []
    tests = sorted(evaluation.comparisons, key=lambda test: order.index(test.against))
    for test in tests:
        verdict = outcome(test, evaluation.level)
        sign = "+" if test.difference > 0 else ""
        rows.append(
            SignificanceRow(
                against=test.against,
                figure=label(test.figure),
                difference=sign + _difference(test.difference),
                interval=f"{_difference(test.low)} to {_difference(test.high)}",
                p_value=_p_value(test.adjusted_p_value),
                words=said[verdict],
                test=test.test,
                outcome=verdict,
                span=0 if rows and rows[-1].against == test.against else _count(tests, test.against),
            )
        )
    return tuple(rows)


def _count(tests: Sequence[Comparison], against: str) -> int:
    return sum(test.against == against for test in tests)


def _difference(value: float) -> str:
    return f"{value:.4f}".replace("-", "−") if math.isfinite(value) else ABSENT


def _p_value(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return ABSENT
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def tally(evaluation: Evaluation) -> str:
    """Return in one sentence how many tests the large model wins, figure by figure."""
    parts = []
    for figure in dict.fromkeys(test.figure for test in evaluation.comparisons):
        tests = [test for test in evaluation.comparisons if test.figure == figure]
        said = [outcome(test, evaluation.level) for test in tests]
        words = [
            f"{word} {said.count(name)}"
            for name, word in (("better", "better than"), ("level", "level with"), ("worse", "worse than"))
            if said.count(name)
        ]
        parts.append(f"on {in_a_sentence(figure)} {listed(words)} of {len(tests)}")
    if not parts:
        return ""
    return f"Paired tests against the other models: {'; '.join(parts)}."


def group_tables(table: pa.Table, evaluation: Evaluation, figure: str = "roc_auc") -> tuple[GroupTable, ...]:
    """Return one table for each ``group_by``: rows, defaults, rates, and a figure of every model.

    Parameters
    ----------
    table : pyarrow.Table
        Tidy: :data:`bezant.evidence.evaluation.GROUP_SCHEMA`.
    evaluation : Evaluation
        Names the models.
    figure : str, default "roc_auc"
        The figure that is shown for every model.
    """
    kinds = list(dict.fromkeys(table["group_by"].to_pylist()))
    return tuple(
        _group_table(table.filter(pc.equal(table["group_by"], kind)), kind, evaluation, figure)
        for kind in kinds
    )


def _group_table(table: pa.Table, kind: str, evaluation: Evaluation, figure: str) -> GroupTable:
    models = model_order(evaluation)
    groups = list(dict.fromkeys(table["group"].to_pylist()))
    shown = groups[:MOST_GROUPS]
    by_group: dict[str, list[dict[str, object]]] = {group: [] for group in shown}
    for row in table.to_pylist():
        if row["group"] in by_group:
            by_group[row["group"]].append(row)
    rows = tuple(_group_row(group, found, models, figure) for group, found in by_group.items())
    left = len(groups) - len(shown)
    said = (
        f"{counted(left, 'more group')} {'is' if left == 1 else 'are'} not listed here; the evaluation "
        "holds all."
        if left
        else ""
    )
    return GroupTable(kind, label(figure), models, rows, said)


def _group_row(
    group: str, found: Sequence[Mapping[str, object]], models: Sequence[str], figure: str
) -> GroupRow:
    estimates = {
        (row["model"], row["figure"]): Estimate(
            *(math.nan if row[part] is None else float(str(row[part])) for part in ("value", "low", "high"))
        )
        for row in found
    }
    absent = Estimate(math.nan)
    return GroupRow(
        group=group,
        rows=f"{found[0]['rows']:,}",
        events=f"{found[0]['events']:,}",
        observed=percent(estimates.get((models[0], "event_rate"), absent).value),
        predicted=percent(estimates.get((models[0], "mean_score"), absent).value),
        cells=tuple(_cells(figure, [estimates.get((model, figure)) for model in models])),
    )


def left_off(found: int, most: int, what: str) -> str:
    """Return a sentence for what a cap leaves off, or nothing; ``what`` is a plural in s."""
    left = found - most
    if left <= 0:
        return ""
    return f"1 more {what[:-1]} is not shown." if left == 1 else f"{left:,} more {what} are not shown."
