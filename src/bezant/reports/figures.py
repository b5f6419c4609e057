"""The report's pictures: each function turns plain arrays into one inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bezant.metrics.curves import KsCurve, ReliabilityCurve, RocCurve, ScoreHistogram
from bezant.reports.canvas import HEIGHT, LineStyle, canvas, short, strong_model
from bezant.reports.palette import AXIS, EVENT, INK, LARGE, QUIET, RULE
from bezant.reports.parts import (
    end_labels,
    key,
    mark_epoch,
    name_axis,
    name_margin,
    percent,
    rate_ceiling,
    thinned,
    unit_square,
    upper_reach,
)
from bezant.schema.words import counted
from bezant.types import AnyArray, FloatArray

Interval = tuple[float, float, float]
"""Value, lower end, upper end."""


def roc(
    curves: Mapping[str, RocCurve], areas: Mapping[str, float], *, styles: Mapping[str, LineStyle]
) -> str:
    """Draw the share of defaults caught against the share of good loans refused, a line a model.

    Parameters
    ----------
    curves : mapping of str to RocCurve
        One thinned curve a model.
    areas : mapping of str to float
        Area under each curve.
    styles : mapping of str to LineStyle
        How each model is drawn; the large one is the strong style.
    """
    with canvas("roc", f"ROC curves of {counted(len(curves), 'model')}") as picture:
        axes = picture.axes()
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=0.9, zorder=1)
        for model, curve in curves.items():
            axes.plot(curve.false_positive_rate, curve.true_positive_rate, **styles[model].line())
        unit_square(axes, "good loans refused", "defaults caught")
        ordered = sorted(areas, key=lambda model: -areas[model])
        entries = [(f"{areas[model]:.3f}", model) for model in ordered]
        key(axes, entries, styles, left=0.42, top=0.05 + 0.062 * (len(entries) - 0.5), heading="AUC")
    return picture.svg


def reliability(
    curve: ReliabilityCurve,
    histogram: ScoreHistogram,
    *,
    styles: Mapping[str, LineStyle],
    peer: tuple[str, ReliabilityCurve] | None = None,
) -> str:
    """Draw the observed default rate against the predicted one, with intervals; beneath, the counts.

    Parameters
    ----------
    curve : ReliabilityCurve
        The large model's bins.
    histogram : ScoreHistogram
        The large model's scores, drawn beneath as far as the bins reach.
    styles : mapping of str to LineStyle
        How each model is drawn; the large one is the strong style.
    peer : (name, ReliabilityCurve), optional
        A traditional model to draw beside it.
    """
    names = [strong_model(styles)] + ([peer[0]] if peer else [])
    reach = [curve.high, curve.predicted] + ([peer[1].predicted, peer[1].observed] if peer else [])
    top = rate_ceiling(reach)
    with canvas(
        "reliability", f"Reliability of {names[0]}: observed against predicted default rate"
    ) as picture:
        axes = picture.axes(bottom=1.12)
        axes.plot([0, top], [0, top], color=AXIS, linewidth=0.9, zorder=1)
        if peer:
            line = styles[peer[0]].line()
            axes.plot(peer[1].predicted, peer[1].observed, marker="o", markersize=2.5, **line)
        ends = np.abs(np.stack([curve.observed - curve.low, curve.high - curve.observed]))
        axes.errorbar(
            curve.predicted, curve.observed, yerr=ends, fmt="o-", color=LARGE, markersize=4, linewidth=1.6,
            elinewidth=1.3, zorder=5,
        )  # fmt: skip
        axes.set(xlim=(0, top), ylim=(0, top), ylabel="observed default rate")
        axes.tick_params(labelbottom=False)
        key(axes, [("", name) for name in names], styles, left=0.05, top=0.94)
        below = picture.axes(bottom=0.48, top=HEIGHT - 1.02)
        below.stairs(
            histogram.events + histogram.non_events, histogram.edges, fill=True, color=LARGE, alpha=0.5
        )
        below.set(xlim=(0, top), xlabel="predicted default rate", yticks=[])
        below.set_ylabel("rows", rotation=0, ha="right", va="center")
        below.spines["left"].set_visible(False)
        percent(axes, "both")
        percent(below, "x")
    return picture.svg


def default_rate_by_period(
    labels: Sequence[str],
    observed: FloatArray,
    low: FloatArray,
    high: FloatArray,
    predicted: Mapping[str, FloatArray],
    *,
    styles: Mapping[str, LineStyle],
) -> str:
    """Draw the observed default rate of each period with its interval, and each model's mean prediction.

    Parameters
    ----------
    labels : sequence of str, length k
        Names of the periods in order.
    observed, low, high : (k,) arrays of float
        Default rate and its interval.
    predicted : mapping of str to (k,) array
        Mean predicted probability of each model.
    styles : mapping of str to LineStyle
        How each model is drawn; the large one is the strong style.
    """
    at = np.arange(len(labels))
    with canvas("by-period", "Predicted and observed default rate by period") as picture:
        axes = picture.axes(right=1.22)
        for model, rates in predicted.items():
            style = styles[model]
            axes.plot(at, rates, marker="o", markersize=4 if style.strong else 2.5, **style.line())
        axes.errorbar(
            at, observed, yerr=np.abs(np.stack([observed - low, high - observed])), fmt="D-", color=INK,
            markersize=4, linewidth=1.0, elinewidth=1.2, zorder=6,
        )  # fmt: skip
        axes.set_ylim(0, rate_ceiling([high, *predicted.values()]))
        axes.set_xlim(-0.4, len(labels) - 0.6)
        axes.set_xticks(*thinned(at, labels))
        axes.set_ylabel("default rate")
        percent(axes, "y")
        ends = {"observed": (float(observed[-1]), INK, True)}
        for model, rates in predicted.items():
            ends[model] = (float(rates[-1]), styles[model].color, styles[model].strong)
        end_labels(axes, ends)
    return picture.svg


def headline(
    estimates: Mapping[str, Interval], *, styles: Mapping[str, LineStyle], label: str, decimals: int = 3
) -> str:
    """Draw one figure of every model as a dot with its interval, best on top.

    Parameters
    ----------
    estimates : mapping of str to (value, low, high)
        In the order in which they are to appear, best first.
    styles : mapping of str to LineStyle
        How each model is drawn; the large one is the strong style.
    label : str
        Name of the figure.
    decimals : int, default 3
        Digits of the printed values.
    """
    with canvas("headline", f"{label} of {counted(len(estimates), 'model')} with intervals") as picture:
        axes = picture.axes(left=name_margin(estimates), right=0.62)
        for row, (model, (value, low, high)) in enumerate(estimates.items()):
            color, strong = styles[model].color, styles[model].strong
            axes.plot([low, high], [row, row], color=color, linewidth=2.6 if strong else 1.6)
            axes.plot([value], [row], marker="o", color=color, markersize=8 if strong else 5.5)
            axes.text(
                1.03, row, f"{value:.{decimals}f}", transform=axes.get_yaxis_transform(), va="center",
                color=color, fontweight="bold" if strong else "normal",
            )  # fmt: skip
            if strong:
                axes.axvline(value, color=LARGE, linewidth=0.7, alpha=0.35, zorder=0)
        axes.set_xlabel(label)
        axes.set_ylim(len(estimates) - 0.4, -0.6)
        name_axis(axes, list(estimates), styles)
    return picture.svg


def ks(curve: KsCurve, *, large: str) -> str:
    """Draw which share of each outcome scores at or below a threshold, and the widest gap.

    Parameters
    ----------
    curve : KsCurve
        The thinned curve of the model.
    large : str
        Name of the model.
    """
    shown = upper_reach(curve.threshold, curve.events, curve.non_events)
    with canvas("ks", f"KS curve of {large}") as picture:
        axes = picture.axes()
        lines = ((curve.non_events, "repaid", QUIET, "right"), (curve.events, "defaulted", EVENT, "left"))
        for line, name, color, side in lines:
            axes.plot(curve.threshold, line, color=color, linewidth=1.6)
            where = float(curve.threshold[np.searchsorted(line, 0.8)])
            away = (-7, 5) if side == "right" else (8, -7)
            axes.annotate(name, (where, 0.8), away, textcoords="offset points", color=color, ha=side)
        ends = [float(np.interp(curve.at, curve.threshold, line)) for line, *_ in lines]
        axes.plot([curve.at, curve.at], ends, color=LARGE, linewidth=2.4)
        axes.annotate(
            f"KS {curve.ks:.3f}", (curve.at, min(ends)), (8, -9), textcoords="offset points", color=LARGE,
            fontweight="bold",
        )  # fmt: skip
        axes.set(xlim=(0, shown), ylim=(0, 1.05), xlabel="predicted probability of default")
        axes.set_ylabel("share scored at or below")
        percent(axes, "both")
    return picture.svg


def score_distribution(histogram: ScoreHistogram, *, large: str) -> str:
    """Draw the distribution of the scores of repaid and of defaulted loans, each as shares of its own.

    Parameters
    ----------
    histogram : ScoreHistogram
        Rows of each outcome in each interval of the score.
    large : str
        Name of the model.
    """
    counts, edges = (histogram.non_events, histogram.events), histogram.edges
    shares = [found / max(1, int(np.sum(found))) for found in counts]
    with canvas("scores", f"Scores of {large} by outcome") as picture:
        axes = picture.axes()
        reach = upper_reach(edges[1:], *(np.cumsum(share) for share in shares))
        excess = int(np.argmax(shares[1] - shares[0]))
        at = (int(np.argmax(shares[0])), excess)
        parts = zip(shares, (QUIET, EVENT), ("repaid", "defaulted"), at, strict=True)
        for share, color, name, bar in parts:
            axes.stairs(share, edges, color=color, linewidth=1.5, fill=False)
            axes.stairs(share, edges, color=color, alpha=0.16, fill=True)
            corner = (edges[bar + 1], share[bar])
            axes.annotate(name, corner, (7, 1), textcoords="offset points", color=color)
        axes.set_xlim(0, reach)
        axes.set_ylim(0, 1.08 * max(float(np.max(share, initial=0.01)) for share in shares))
        axes.set(xlabel="predicted probability of default", ylabel="share of each outcome")
        percent(axes, "both")
    return picture.svg


def importance(names: Sequence[str], values: FloatArray, low: FloatArray, high: FloatArray) -> str:
    """Draw how much ROC-AUC is lost when a column is shuffled, most important on top.

    Parameters
    ----------
    names : sequence of str, length k
        Columns, most important first.
    values, low, high : (k,) arrays of float
        Loss in ROC-AUC and its interval.
    """
    at = np.arange(len(names))
    height = max(1.6, 0.62 + 0.23 * len(names))
    with canvas("importance", "Permutation importance of the columns", height=height) as picture:
        axes = picture.axes(left=name_margin(names), right=0.2)
        axes.barh(at, values, height=0.62, color=LARGE, alpha=0.85)
        axes.hlines(at, low, high, color=INK, linewidth=1.0)
        axes.axvline(0, color=AXIS, linewidth=0.7)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_yticks(at, [short(name) for name in names], color=INK)
        axes.set_xlabel("loss in AUC when the column is shuffled")
        axes.xaxis.get_major_locator().set_params(nbins=5)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return picture.svg


def learning(
    epoch: AnyArray,
    train_loss: FloatArray,
    validation_loss: FloatArray,
    validation_auc: FloatArray | None,
    best: int,
) -> str:
    """Draw the losses and, beneath, the held-out AUC of each epoch, with the best epoch.

    Parameters
    ----------
    epoch, train_loss, validation_loss : (e,) arrays
        One value an epoch; the last is the log loss after recalibration.
    validation_auc : (e,) array or None
        Held-out AUC; without it the losses have the whole picture.
    best : int
        The epoch that was best on the held-out rows.
    """
    marker = "o" if len(epoch) == 1 else ""
    losses = {"training": (train_loss, QUIET), "held-out, recal.": (validation_loss, LARGE)}
    with canvas("learning", "Losses and held-out AUC by epoch") as picture:
        upper = lower = picture.axes(left=0.66, bottom=0.48 if validation_auc is None else 1.62, right=1.15)
        for values, color in losses.values():
            upper.plot(epoch, values, color=color, linewidth=1.6, marker=marker)
        ends = {name: (float(values[-1]), color, color == LARGE) for name, (values, color) in losses.items()}
        end_labels(upper, ends)
        mark_epoch(upper, best, float(epoch[0]), float(epoch[-1]))
        upper.set_ylabel("log loss")
        if validation_auc is not None:
            upper.tick_params(labelbottom=False)
            lower = picture.axes(left=0.66, top=HEIGHT - 1.42, right=1.15)
            lower.plot(epoch, validation_auc, color=LARGE, linewidth=1.6, marker=marker)
            end_labels(lower, {"held-out": (float(validation_auc[-1]), LARGE, True)})
            lower.axvline(best, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
            lower.set_ylabel("AUC")
        for axes in (upper, lower):
            axes.yaxis.get_major_locator().set_params(nbins=4)
            axes.yaxis.set_label_coords(-0.145, 0.5)
        lower.set_xlabel("epoch")
        lower.xaxis.get_major_locator().set_params(integer=True)
    return picture.svg
