"""The pictures of losses: expected and realised by vintage, and observed default rates by grade."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from bezant.artifacts import write_whole
from bezant.evidence.grades import MasterScale
from bezant.evidence.portfolio import PortfolioLoss
from bezant.reports.canvas import canvas
from bezant.reports.environment import rendered
from bezant.reports.html import _moment
from bezant.reports.page import now
from bezant.reports.palette import INK, LARGE, QUIET
from bezant.reports.parts import end_labels, percent, rate_ceiling, thinned

GLOSSARY = {
    "Exposure": "What is owed at default; all amounts are in the currency of its column.",
    "Expected loss": "Probability of default times fraction lost times exposure, summed over the loans.",
    "5% and 95% lose less": "So many of a group's simulated losses lie below; the band between holds 90%.",
    "Value at risk 99%": "The loss that is exceeded in one of a hundred simulations.",
    "Realised loss": "What was lost in fact.",
    "PD": "Probability of default.",
    "Grade": "A range of PDs; its observed default rate is that of the rows the scale was learned from.",
    "Interval": "Range that would hold the observed default rate in 95% of repeated samples of loans.",
}
"""What the page's words mean."""

OF_REALISED, OF_GRADES = ("Realised loss",), ("PD", "Grade", "Interval")
"""Words that only pages with realised losses, or with grades, use."""


def loss_by_vintage(portfolio: PortfolioLoss, level: float = 0.9, *, since: Sequence[str] = ()) -> str:
    """Draw expected loss rates with the interval of simulated ones, and the realised ones; returns SVG.

    Parameters
    ----------
    portfolio : PortfolioLoss
        By vintage; its last group, all loans, is not drawn.
    level : float, default 0.9
        Share of the simulated losses that the band holds.
    since : sequence of str
        Labels of the vintages that are the first of a model of their own; lines are not drawn across.
    """
    shown = slice(0, max(len(portfolio.labels) - 1, 1))
    labels = list(portfolio.labels[shown])
    at = np.arange(len(labels))
    exposure = np.maximum(portfolio.exposure[shown], 1e-300)
    low, high = (end[shown] / exposure for end in portfolio.interval(level))
    expected = portfolio.expected[shown] / exposure
    drawn = [high, expected]
    breaks = sorted({labels.index(label) for label in since} - {0})
    with canvas("loss-by-vintage", f"Expected and realised loss rate by {portfolio.unit}") as picture:
        axes = picture.axes(right=0.95, top=0.3)
        for part in np.split(at, breaks):
            # Half a step on either side: a band of one vintage has a width, and models do not run together.
            wide = np.interp(np.arange(2 * len(part) + 1) / 2 - 0.5, np.arange(len(part)), part)
            wide[[0, -1]] = part[0] - 0.38, part[-1] + 0.38
            ends = (np.interp(wide, part, end[part]) for end in (low, high))
            axes.fill_between(wide, *ends, color=LARGE, alpha=0.16, linewidth=0)
            axes.plot(part, expected[part], color=LARGE, linewidth=2.2, marker="o", markersize=4)
        ends_of = {"expected": (float(expected[-1]), LARGE, True)}
        if portfolio.realised is not None:
            realised = portfolio.realised[shown] / exposure
            axes.plot(at, realised, color=INK, linewidth=1.0, marker="D", markersize=4)
            ends_of["realised"] = (float(realised[-1]), INK, False)
            drawn.append(realised)
        axes.set_ylim(0, rate_ceiling(drawn))
        axes.set_xlim(-0.5, len(at) - 0.5)
        axes.set_xticks(*thinned(at, labels, most=10))
        percent(axes, "y")
        heading = f"Loss, share of exposure; {100 * level:g}% band"
        axes.text(0, 1.03, heading, transform=axes.transAxes, color=QUIET, size=8.5)
        end_labels(axes, ends_of)
    return picture.svg


def rate_by_grade(scale: MasterScale) -> str:
    """Draw each grade's observed default rate with its interval, and the mean PD; returns SVG."""
    grades = [g for g in scale.table if g.rows]
    at = np.arange(len(grades))
    observed = np.array([g.rate.value for g in grades])
    ends = np.array([[g.rate.value - g.rate.low, g.rate.high - g.rate.value] for g in grades]).T
    predicted = np.array([g.mean_pd for g in grades])
    with canvas("rate-by-grade", "Observed default rate and mean PD by grade") as picture:
        axes = picture.axes(right=1.0)
        axes.errorbar(
            at, observed, yerr=ends, fmt="D", color=INK, markersize=4, linewidth=1.0, elinewidth=1.2, zorder=6
        )
        axes.plot(at, predicted, color=LARGE, linewidth=2.2, marker="o", markersize=4)
        axes.set_ylim(0, rate_ceiling([observed + ends[1], predicted]))
        axes.set_xlim(-0.4, len(at) - 0.6)
        axes.set_xticks(*thinned(at, [g.name for g in grades], most=12))
        axes.set(xlabel="grade, the best first", ylabel="default rate")
        percent(axes, "y")
        end_labels(axes, {"observed": (observed[-1], INK, False), "mean PD": (predicted[-1], LARGE, True)})
    return picture.svg


def write_loss_report(
    path: str | Path,
    portfolio: PortfolioLoss,
    scale: MasterScale | None,
    notes: Sequence[str] = (),
    *,
    created: str | None = None,
) -> Path:
    """Write a portfolio's losses as one HTML file that needs nothing from outside, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Where it goes; missing folders are made, an older report is replaced.
    portfolio : PortfolioLoss
        Its last group is all loans.
    scale : MasterScale or None
        The grades, if there are any.
    notes : sequence of str
        Printed at the end.
    created : str, optional
        Moment of the report in ISO form; now if not given.
    """
    page = rendered(
        "losses.html.j2",
        sentence=_sentence(portfolio),
        basis=portfolio.basis,
        vintages=Markup(loss_by_vintage(portfolio)) if len(portfolio.labels) > 2 else "",
        unit=portfolio.unit,
        created=_moment(created or now()),
        glossary=_glossary(portfolio.realised is not None, scale is not None),
        rows=_rows(portfolio),
        realised=portfolio.realised is not None,
        grades=scale.table if scale is not None else (),
        rates=Markup(rate_by_grade(scale)) if scale is not None and len(scale) > 1 else "",
        notes=notes,
    )
    write_whole(Path(path), page.encode("utf-8", errors="replace"))
    return Path(path)


def _glossary(realised: bool, graded: bool) -> dict[str, str]:
    """Return the words that the page uses."""
    absent = ((), OF_REALISED)[not realised] + ((), OF_GRADES)[not graded]
    return {name: said for name, said in GLOSSARY.items() if name not in absent}


def _sentence(portfolio: PortfolioLoss) -> str:
    low, high = (end[-1] for end in portfolio.interval())
    said = (
        f"{portfolio.rows[-1]:,} loans are expected to lose {portfolio.expected[-1]:,.0f}, "
        f"{portfolio.expected[-1] / max(portfolio.exposure[-1], 1e-300):.2%} of their exposure; 90% of the "
        f"simulated portfolios lose {low:,.0f} to {high:,.0f}."
    )
    if portfolio.realised is None:
        return said
    inside, groups = portfolio.covered()
    return (
        f"{said} {portfolio.realised[-1]:,.0f} were lost; the realised loss lies inside the band in {inside} "
        f"of {groups} groups."
    )


def _rows(portfolio: PortfolioLoss) -> list[dict[str, Any]]:
    """Return a row a group, as texts."""
    columns = portfolio.columns()
    rates = {"expected_rate", "realised_rate"}

    def text(name: str, value: Any) -> str:
        return f"{value:.2%}" if name in rates else f"{value:,.0f}"

    return [
        {"group": portfolio.labels[i]}
        | {
            name: text(name, values[i])
            for name, values in columns.items()
            if name not in (portfolio.unit, "place")
        }
        for i in range(len(portfolio.labels))
    ]
