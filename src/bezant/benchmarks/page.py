"""BENCHMARKS.md: what was measured, as tables, with versions and a verdict for every task."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version

from bezant.benchmarks.credit import BAR, Figure, TaskResult
from bezant.desks.credit.credit_risk import LARGE

PACKAGES = ("bezant", "torch", "lightgbm", "catboost", "optbinning", "scikit-learn", "numpy")

INTRODUCTION = """# Benchmarks

Written by `bezant benchmark credit`; not edited by hand. AUC / log loss. Where there are folds, the mean over
them. The bar is the mean of the probabilities of tuned LightGBM and tuned CatBoost, fitted on the same rows
under the same protocol: a part of the training rows stops and calibrates (in small tables five folds do),
then all of them train. Of each peer the better of its raw and its calibrated probabilities stands here. One
configuration of bezant for all data sets. In tables of 20,000 rows and more its training begins
with targets that are mostly what LightGBM, fitted to other rows, says of a row, and ends with outcomes alone
(distillation with annealing); what answers is the network alone.

What flatters: the network for tables of under 20,000 rows was chosen on folds of german-credit and looked at
on credit-data and hmda; the network for larger ones, the calibration out-of-time and the damping of a trend
on the SBA loans of 2004 to 2007. LightGBM's search was widened on the same rows. docs/log.md says what was
tried. CPU seconds are those of the machine as it was: other work on it makes them larger.
"""


def page(results: Iterable[TaskResult], extra: Mapping[str, str] | None = None) -> str:
    """Return BENCHMARKS.md.

    Parameters
    ----------
    results : iterable of TaskResult
        A section each.
    extra : mapping of str to str, optional
        Further sections by their title.
    """
    lines = [INTRODUCTION]
    for result in results:
        lines += [
            f"## {result.task.title}",
            "",
            *_table(result),
            "",
            _lifts(result),
            "",
            _verdict(result),
            "",
            _spent(result),
            "",
        ]
    for title, text in (extra or {}).items():
        lines += [f"## {title}", "", text, ""]
    return "\n".join([*lines, f"Python {platform.python_version()}, {versions()}.", ""])


def _table(result: TaskResult) -> list[str]:
    tests = result.task.tests
    lines = ["| model | " + " | ".join(tests) + " |", "|---|" + "---|" * len(tests)]
    for model, figures in result.figures.items():
        name = f"**{model}**" if model.startswith(LARGE) else model
        lines.append(f"| {name} | " + " | ".join(_cell(figures.get(t)) for t in tests) + " |")
    return lines


def _cell(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.auc:.4f} / {figure.log_loss:.4f}"


def _lifts(result: TaskResult) -> str:
    """Say how many times as many as on average each model finds in the tenth that it ranks highest."""
    said = [
        f"{test}: " + ", ".join(f"{m} {f[test].lift:.2f}" for m, f in result.figures.items() if test in f)
        for test in result.task.tests
    ]
    return "Lift of the top tenth. " + "; ".join(said) + "."


def _verdict(result: TaskResult) -> str:
    """Say of every test part whether the large model alone passes the bar."""
    large = [m for m in result.figures if m.startswith(LARGE) and "recalibrated" not in m]
    if not large or BAR not in result.figures:
        return "Not compared: the large model or one of the peers was not fitted."
    mean = result.figures[large[-1]]  # the mean of the seeds, where there are several
    said = []
    for test in result.task.tests:
        ours, bar = mean[test], result.figures[BAR][test]
        auc, loss = ours.auc - bar.auc, ours.log_loss - bar.log_loss
        said.append(
            f"{test}: AUC {'above' if auc > 0 else 'below'} the bar by {abs(auc):.4f}, log loss "
            f"{'better' if loss < 0 else 'worse'} by {abs(loss):.4f}"
        )
    return f"Large model ({large[-1]}) against the bar. " + "; ".join(said) + "."


def _spent(result: TaskResult) -> str:
    spent = ", ".join(f"{m} {s:,.0f}" for m, s in result.cpu_seconds.items())
    return f"CPU seconds of the fits, tuning included: {spent}."


def versions() -> str:
    """Return the versions of the packages that matter, those that are there."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
