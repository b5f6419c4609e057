"""An evaluation as a table for the terminal: figures with intervals, AUC by year, the verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from bezant.cli.console import out, show
from bezant.schema.words import counted

if TYPE_CHECKING:
    from bezant.evidence.evaluation import Evaluation
    from bezant.evidence.intervals import Estimate

COLUMNS = (("roc_auc", True), ("ks", False), ("log_loss", True), ("expected_calibration_error", False))
"""The figures shown, and whether each comes with its interval."""

MOST_PERIODS = 7
"""So many periods fit beside a model's name; the latest are shown."""


def show_evaluation(evaluation: Evaluation) -> None:
    """Print the figures of every model on the same rows, then by period, then the verdict."""
    out().print(figures_table(evaluation))
    periods = periods_table(evaluation)
    if periods is not None:
        show()
        out().print(periods)
        earlier = len({row["group"] for row in evaluation.by_period.to_pylist()}) - MOST_PERIODS
        if earlier > 0:
            show(f"The {earlier} earliest periods are in the report and in --json.", "dim")
    show()
    console = out()
    console.print(Text(evaluation.verdict, style="bold"), soft_wrap=not console.is_terminal)


def figures_table(evaluation: Evaluation) -> Table:
    """Return the table of figures with intervals, one row a model, the large one first."""
    from bezant.evidence.evaluation import FIGURES

    level = f"{100 * evaluation.level:g} %"
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(f"{counted(evaluation.rows, 'row')}, {counted(evaluation.events, 'event')}")
    for figure, interval in COLUMNS:
        title = FIGURES[figure]
        table.add_column(f"{title} ({level})" if interval else title, justify="right", no_wrap=True)
    for model in model_order(evaluation):
        cells = [_cell(evaluation.figures[model].get(figure), wide) for figure, wide in COLUMNS]
        table.add_row(Text(model), *cells, style="bold" if model == evaluation.large else "")
    return table


def periods_table(evaluation: Evaluation) -> Table | None:
    """Return AUC by period, one row a model, under the observed event rate; None without periods."""
    rows = evaluation.by_period.to_pylist()
    periods = sorted({row["group"] for row in rows})[-MOST_PERIODS:]
    if len(periods) < 2:
        return None
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(f"AUC by {rows[0]['group_by']}")
    for period in periods:
        table.add_column(str(period), justify="right", no_wrap=True)
    value: dict[Any, float] = {(r["model"], r["group"], r["figure"]): r["value"] for r in rows}
    for model in model_order(evaluation):
        cells = [number(value.get((model, period, "roc_auc"))) for period in periods]
        table.add_row(Text(model), *cells, style="bold" if model == evaluation.large else "")
    rates = [percent(value.get((evaluation.large, period, "event_rate"))) for period in periods]
    table.add_row("share of events", *rates, style="dim")
    return table


def model_order(evaluation: Evaluation) -> list[str]:
    """Return the models' names: the large one first, then the others, the best AUC first."""
    others = [model for model in evaluation.figures if model != evaluation.large]
    return [evaluation.large, *sorted(others, key=lambda model: -_auc(evaluation, model))]


def _auc(evaluation: Evaluation, model: str) -> float:
    value = evaluation.figures[model]["roc_auc"].value
    return -1.0 if math.isnan(value) else value


def _cell(estimate: Estimate | None, interval: bool) -> str:
    if estimate is None or math.isnan(estimate.value):
        return "-"
    if not interval or math.isnan(estimate.low):
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f}  {estimate.low:.3f}-{estimate.high:.3f}"


def number(value: float | None) -> str:
    """Write a figure with three decimals, or a dash where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def percent(value: float | None) -> str:
    """Write a share in percent, or a dash where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:.1%}"


def show_segments(evaluation: Evaluation) -> None:
    """Print the AUC and the predicted and observed share of events by segment, of the large model."""
    rows = [r for r in evaluation.by_segment.to_pylist() if r["model"] == evaluation.large]
    for name in dict.fromkeys(r["group_by"] for r in rows):
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column(str(name))
        for title in ("rows", "AUC", "predicted", "observed"):
            table.add_column(title, justify="right", no_wrap=True)
        mine = [r for r in rows if r["group_by"] == name]
        for group in dict.fromkeys(r["group"] for r in mine):
            of = {r["figure"]: r for r in mine if r["group"] == group}
            shown = [number(of["roc_auc"]["value"]) if "roc_auc" in of else "-"]
            shown += [percent(of[f]["value"]) if f in of else "-" for f in ("mean_score", "event_rate")]
            table.add_row(Text(str(group)), f"{next(iter(of.values()))['rows']:,}", *shown)
        show()
        out().print(table)
