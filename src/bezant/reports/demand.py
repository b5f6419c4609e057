"""The pictures of how good expected demand is: by cohort and by tenth, lift, totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bezant.evidence.demand_curves import DEPTHS, GroupedDemand
from bezant.evidence.intervals import Estimate
from bezant.reports.canvas import LineStyle, canvas, short
from bezant.reports.palette import AXIS, INK, LARGE, QUIET, RULE
from bezant.reports.parts import end_labels, name_margin, percent, thinned
from bezant.types import AnyArray

# ----------------------------------------------------------------------------------- in groups


def by_cohort(cohorts: GroupedDemand, *, styles: Mapping[str, LineStyle]) -> str:
    """Draw purchases a customer by cohort, as observed with intervals and as expected; returns SVG.

    Parameters
    ----------
    cohorts : GroupedDemand
    styles : mapping of str to LineStyle
        Of the models that are to be drawn.
    """
    at = np.arange(len(cohorts.labels))
    with canvas("demand-by-cohort", "Expected and observed purchases by cohort") as picture:
        axes = picture.axes(right=1.2)
        ends = {"observed": (cohorts.observed[-1], INK, True)}
        for model, style in styles.items():
            expected = cohorts.expected[model]
            axes.plot(at, expected, marker="o", markersize=4 if style.strong else 2.5, **style.line())
            ends[model] = (expected[-1], style.color, style.strong)
        _observed(axes, at, cohorts)
        axes.set_xlim(-0.5, len(at) - 0.5)
        axes.set_xticks(*thinned(at, cohorts.labels))
        axes.set_ylim(0, _ceiling(cohorts, [cohorts.expected[m] for m in styles]))
        axes.set(xlabel="first purchase", ylabel="purchases a customer")
        end_labels(axes, ends)
    return picture.svg


def by_tenth(groups: GroupedDemand, *, large: str, what: str, share: bool = False) -> str:
    """Draw what customers did beside what was expected, by tenth of the expectation; returns SVG.

    Parameters
    ----------
    groups : GroupedDemand
        Tenths, most expected first.
    large : str
        The model whose tenths they are.
    what : str
        What is counted, such as "purchases a customer"; the name of the vertical axis.
    share : bool, default False
        Whether it is a share, to be told in per cent.
    """
    at = np.arange(len(groups.labels))
    with canvas(f"tenths-{what}", f"Expected and observed {what} by tenth of customers") as picture:
        axes = picture.axes(left=0.6)
        expected = groups.expected[large]
        axes.bar(at, expected, width=0.72, color=LARGE, alpha=0.24, linewidth=0)
        axes.hlines(expected, at - 0.36, at + 0.36, color=LARGE, linewidth=2.2)
        _observed(axes, at, groups, joined=False)
        axes.set_xticks(at, groups.labels)
        axes.set_ylim(0, min(_ceiling(groups, [expected]), 1.0 if share else np.inf))
        axes.set(xlabel="tenth of the customers, most expected first", ylabel=what)
        if share:
            percent(axes, "y")
        axes.plot([0.66, 0.72], [0.95] * 2, transform=axes.transAxes, color=LARGE, linewidth=2.2)
        axes.text(
            0.75, 0.95, "expected", transform=axes.transAxes, color=LARGE, fontweight="bold", va="center"
        )
        axes.plot([0.69], [0.875], "D", transform=axes.transAxes, color=INK, markersize=4)
        axes.text(0.75, 0.875, "observed", transform=axes.transAxes, color=INK, va="center")
    return picture.svg


def _observed(axes: Any, at: AnyArray, groups: GroupedDemand, *, joined: bool = True) -> None:
    """Draw what happened, with intervals."""
    observed = np.asarray(groups.observed)
    ends = np.abs(np.stack([observed - groups.low, groups.high - observed]))
    axes.errorbar(
        at, observed, yerr=ends, fmt="D-" if joined else "D", color=INK, markersize=4, linewidth=1.0,
        elinewidth=1.2, zorder=6,
    )  # fmt: skip


def _ceiling(groups: GroupedDemand, drawn: Sequence[Sequence[float]]) -> float:
    """Return an upper bound; a group of a few customers with a wide interval does not set the scale."""
    points = [*groups.observed, *(v for values in drawn for v in values)]
    return 1.08 * max(min(max(groups.high), 1.8 * max(points)), max(points), 1e-9)


# -------------------------------------------------------------------------------- lift and totals


def lift(curves: Mapping[str, Sequence[float]], *, styles: Mapping[str, LineStyle], what: str) -> str:
    """Draw how much more than the average the customers with the greatest expectations did; returns SVG.

    Parameters
    ----------
    curves : mapping of str to sequence of float
        Lift at each of :data:`bezant.evidence.demand_curves.DEPTHS`, by model.
    styles : mapping of str to LineStyle
    what : str
        What customers did, such as "buy at all"; salt of the picture's ids too.
    """
    with canvas(f"lift-{what}", f"Lift by share of customers: {what}") as picture:
        axes = picture.axes(left=0.6)
        axes.axhline(1.0, color=RULE, linewidth=0.9, zorder=1)
        top = max(max(curve) for curve in curves.values())
        for model, curve in curves.items():
            axes.plot(DEPTHS, curve, **styles[model].line())
        at_top = {model: round(curve[DEPTHS.index(0.1)], 2) for model, curve in curves.items()}
        ordered = sorted(curves, key=lambda model: (-at_top[model], not styles[model].strong, model))
        for row, model in enumerate(ordered):
            height = 0.93 - 0.07 * row
            axes.plot([0.5, 0.57], [height] * 2, transform=axes.transAxes, **styles[model].line())
            axes.text(
                0.59, height, f"{at_top[model]:.2f}  {short(model, 20)}",
                transform=axes.transAxes, va="center", size=8.5, color=styles[model].color,
                fontweight=styles[model].weight,
            )  # fmt: skip
        axes.text(0.59, 1.0, "at the top tenth", transform=axes.transAxes, color=QUIET, size=8, va="center")
        axes.axvline(0.1, color=RULE, linewidth=0.9, linestyle=(0, (2, 2)), zorder=0)
        axes.set(xlim=(0, 1), ylim=(0, 1.12 * top), ylabel=f"lift: {what}")
        axes.set_xlabel("customers, greatest expectations first")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}×")
        percent(axes, "x")
    return picture.svg


def totals(errors: Mapping[str, Mapping[str, Estimate]], *, styles: Mapping[str, LineStyle]) -> str:
    """Draw by how much each model's totals were off, with intervals; returns SVG.

    Parameters
    ----------
    errors : mapping of str to mapping of str to Estimate
        By what is summed up, such as "purchases", then by model; 0.1 is a tenth too much.
    styles : mapping of str to LineStyle
    """
    models = list(next(iter(errors.values())))
    rows = [(what, model) for what in errors for model in models]
    height = max(1.9, 0.75 + 0.25 * (len(rows) + len(errors)))
    with canvas("demand-totals", "Error of the totals, by model", height=height) as picture:
        axes = picture.axes(left=name_margin(models), right=0.62, top=0.15)
        place, ticks, bounds = 0.0, [], [0.0]
        for what, by in errors.items():
            axes.text(
                0.0, place, what, transform=axes.get_yaxis_transform(), color=QUIET, size=8.5, va="center"
            )
            for model in models:
                place += 1
                style, found = styles[model], by[model]
                ticks.append((place, model))
                axes.plot(
                    [found.low, found.high],
                    [place] * 2,
                    color=style.color,
                    linewidth=2.4 if style.strong else 1.4,
                )
                axes.plot([found.value], [place], "o", color=style.color, markersize=7 if style.strong else 5)
                axes.text(
                    1.02, place, f"{found.value:+.1%}", transform=axes.get_yaxis_transform(), va="center",
                    color=style.color, fontweight=style.weight, size=8.5,
                )  # fmt: skip
                bounds += [b for b in (found.low, found.high) if np.isfinite(b)]
            place += 1.2
        axes.axvline(0, color=AXIS, linewidth=0.8, zorder=0)
        room = 0.06 * max(max(bounds) - min(bounds), 0.05)
        axes.set_xlim(min(bounds) - room, max(bounds) + room)
        axes.set_ylim(place - 0.6, -0.6)
        axes.set_yticks([at for at, _ in ticks], [short(model) for _, model in ticks])
        for label, (_, model) in zip(axes.get_yticklabels(), ticks, strict=True):
            label.set(color=styles[model].color, fontweight=styles[model].weight)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.get_major_locator().set_params(nbins=5)
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f}%" if value else "0")
        axes.set_xlabel("expected total over the observed one, less 1")
    return picture.svg
