"""The pictures of how good market forecasts are: coverage by group, and a table of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bezant.metrics.market import Coverage
from bezant.reports.canvas import HEIGHT, WIDE, LineStyle, canvas, short
from bezant.reports.palette import EVENT, GOOD, INK, QUIET
from bezant.reports.parts import name_margin, percent
from bezant.schema.words import counted
from bezant.types import InputError


def coverage_by_group(
    found: Mapping[str, Coverage], nominal: float, *, styles: Mapping[str, LineStyle], what: str = "regime"
) -> str:
    """Draw the share of days within the band by group, with intervals, a dot a model; returns SVG.

    Parameters
    ----------
    found : mapping of model to Coverage
        All with the same groups.
    nominal : float
        Share that the band promises, such as 0.9.
    styles : mapping of str to LineStyle
    what : str, default "regime"
        What the groups are.
    """
    labels = next(iter(found.values())).labels
    if any(each.labels != labels for each in found.values()):
        raise InputError("The models' coverages have different groups; compute them with the same.")
    height = max(HEIGHT, 0.9 + 0.19 * len(labels) * (len(found) + 0.7))
    with canvas("coverage", f"Coverage of {100 * nominal:g} % bands by {what}", height=height) as picture:
        axes = picture.axes(left=name_margin(labels), right=0.2, top=0.4)
        axes.axvline(nominal, color=INK, linewidth=1.0, linestyle=(0, (2, 2)), zorder=1)
        for row, (model, each) in enumerate(found.items()):
            shift = (row - (len(found) - 1) / 2) * 0.72 / max(len(found), 1)
            at, style = np.arange(len(labels)) + shift, styles[model]
            axes.hlines(at, each.low, each.high, color=style.color, linewidth=2.4 if style.strong else 1.3)
            axes.plot(
                each.rate, at, "o", color=style.color, markersize=6.5 if style.strong else 4.5, zorder=5
            )
            axes.plot([], [], "o-", color=style.color, markersize=4.5, linewidth=1.5, label=short(model, 20))
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.02, 1.0), ncols=2 if len(found) == 4 else 3,
            frameon=False, fontsize=8.5, labelcolor="linecolor", handlelength=1.4, columnspacing=1.2,
            borderaxespad=0.2,
        )  # fmt: skip
        axes.set_ylim(len(labels) - 0.45, -0.55)
        axes.set_yticks(range(len(labels)), [short(label) for label in labels], color=INK)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        ends = [end for each in found.values() for end in (each.low.min(), each.high.max())]
        room = 0.06 * (max(*ends, nominal) - min(*ends, nominal))
        axes.set_xlim(min(*ends, nominal) - room, min(1.0, max(*ends, nominal) + room))
        axes.xaxis.get_major_locator().set_params(steps=[1, 2, 5, 10])
        axes.set_xlabel(f"days within the {100 * nominal:g}% band")
        percent(axes, "x")
    return picture.svg


def score_table(
    tasks: Sequence[str],
    models: Sequence[str],
    ratios: npt.ArrayLike,
    *,
    kept: npt.ArrayLike,
    styles: Mapping[str, LineStyle],
    baseline: str,
) -> str:
    """Draw each model's loss on each task over the baseline's, the best bold; returns SVG.

    Cells are green where the model beats the baseline and red where it loses; a dot marks the models
    that could be the best (model confidence set).

    Parameters
    ----------
    tasks : sequence of str, length t
    models : sequence of str, length m
        In the order in which they are to appear.
    ratios : array-like of shape (m, t)
        Loss over that of the baseline; below 1 is better. NaN where a model was not asked.
    kept : array-like of bool, shape (m, t)
        Whether the model is in the task's confidence set.
    styles : mapping of str to LineStyle
    baseline : str
        Name of the model that the ratios compare with.

    Raises
    ------
    InputError
        If shapes do not fit.
    """
    table, best_ones = np.asarray(ratios, dtype=np.float64), np.asarray(kept, dtype=bool)
    if table.shape != (len(models), len(tasks)) or best_ones.shape != table.shape:
        raise InputError(
            f"Ratios of shape {table.shape} do not fit {len(models)} models and {len(tasks)} tasks; give one "
            "each."
        )
    height = 1.0 + 0.27 * len(models)
    span = max(0.02, float(np.nanquantile(np.abs(table - 1), 0.9)))
    words = (
        f"Losses of {counted(len(models), 'model')} on {counted(len(tasks), 'task')} over those of {baseline}"
    )
    with canvas("scores-of-markets", words, width=WIDE, height=height) as picture:
        axes = picture.axes(left=name_margin(models), right=0.08, top=0.52, bottom=0.34)
        for (row, column), ratio in np.ndenumerate(table):
            _cell(
                axes,
                row,
                column,
                ratio,
                span,
                best=bool(ratio == np.nanmin(table[:, column])),
                kept=bool(best_ones[row, column]),
            )
        axes.set(xlim=(-0.5, len(tasks) - 0.5), ylim=(len(models) - 0.5, -0.5))
        axes.xaxis.tick_top()
        axes.set_xticks(
            range(len(tasks)), [short(task, 34).replace(", ", "\n", 1) for task in tasks], color=INK, size=8.5
        )
        axes.set_yticks(range(len(models)), [short(model) for model in models])
        for label, model in zip(axes.get_yticklabels(), models, strict=True):
            label.set(color=styles[model].color, fontweight=styles[model].weight)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        note = f"loss over that of {baseline}: below 1 is better; ● could be the best (90% confidence set)"
        axes.annotate(
            note, (1, 0), (0, -8), xycoords="axes fraction", textcoords="offset points", color=QUIET,
            size=8, va="top", ha="right",
        )  # fmt: skip
    return picture.svg


def _cell(axes: Any, row: int, column: int, ratio: float, span: float, *, best: bool, kept: bool) -> None:
    from matplotlib.patches import Rectangle

    if np.isnan(ratio):
        axes.text(column, row, "–", ha="center", va="center", color=QUIET, size=9)
        return
    strength = min(1.0, abs(ratio - 1) / span)
    color = GOOD if ratio < 1 else EVENT
    axes.add_patch(
        Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, color=color, alpha=0.30 * strength, linewidth=0)
    )
    axes.text(
        column + 0.08, row, f"{ratio:.3f}", ha="center", va="center", color=INK, size=9,
        fontweight="bold" if best else "normal",
    )  # fmt: skip
    if kept:
        axes.plot([column - 0.32], [row], "o", color=INK, markersize=3.6)
