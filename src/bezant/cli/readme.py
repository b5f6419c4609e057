"""Writes the demo's figures into the README: ``python -m bezant.cli.readme README.md docs/demo.json``."""

from __future__ import annotations

import sys
from pathlib import Path

from bezant.cli.tables import model_order, number, percent
from bezant.evidence.evaluation import Evaluation
from bezant.evidence.intervals import Estimate

BEGIN, END = (
    "<!-- figures: from docs/demo.json by `make docs`; a test compares them -->",
    "<!-- end of figures -->",
)


def with_figures(readme: str, evaluation: Evaluation) -> str:
    """Return the README with the table of an evaluation between its two marks.

    Parameters
    ----------
    readme : str
        Markdown that holds :data:`BEGIN` and :data:`END`.
    evaluation : Evaluation
        What ``bezant demo`` wrote to ``demo.json``.
    """
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{_table(evaluation)}\n\n> {evaluation.verdict}\n{END}{after}"


def _table(evaluation: Evaluation) -> str:
    value = {(r["model"], r["group"], r["figure"]): r["value"] for r in evaluation.by_period.to_pylist()}
    periods = sorted({group for _, group, _ in value})
    lines = [f"| {evaluation.rows:,} loans | AUC | log loss | {' | '.join(f'AUC {p}' for p in periods)} |"]
    lines.append("|---" * (3 + len(periods)) + "|")
    for model in model_order(evaluation):
        figures = evaluation.figures[model]
        name = f"**{model}**" if model == evaluation.large else model
        cells = [_interval(figures["roc_auc"]), _interval(figures["log_loss"])]
        cells += [number(value.get((model, p, "roc_auc"))) for p in periods]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    rates = [percent(value.get((evaluation.large, p, "event_rate"))) for p in periods]
    lines.append(
        f"| share that defaulted | {evaluation.events / evaluation.rows:.1%} | | {' | '.join(rates)} |"
    )
    return "\n".join(lines)


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"


if __name__ == "__main__":
    path, figures = Path(sys.argv[1]), Path(sys.argv[2])
    read = Evaluation.from_json(figures.read_text(encoding="utf-8"))
    path.write_text(with_figures(path.read_text(encoding="utf-8"), read), encoding="utf-8")
