"""The pictures of losses: expected and realised by vintage, and observed default rates by grade."""

from __future__ import annotations

import numpy as np

from bezant.evidence.grades import MasterScale
from bezant.evidence.portfolio import PortfolioLoss
from bezant.reports.canvas import INK, LARGE, QUIET, canvas
from bezant.reports.parts import end_labels, percent, rate_ceiling, thinned


def loss_by_vintage(portfolio: PortfolioLoss, level: float = 0.9) -> str:
    """Draw expected loss rates with the interval of simulated ones, and the realised ones; returns SVG.

    Parameters
    ----------
    portfolio : PortfolioLoss
        By vintage; its last group, all loans, is not drawn.
    level : float, default 0.9
        Share of the simulated losses that the band holds.
    """
    shown = slice(0, max(len(portfolio.labels) - 1, 1))
    at = np.arange(len(portfolio.labels[shown]))
    exposure = np.maximum(portfolio.exposure[shown], 1e-300)
    low, high = (end[shown] / exposure for end in portfolio.interval(level))
    expected = portfolio.expected[shown] / exposure
    drawn = [high, expected]
    with canvas("loss-by-vintage", f"Expected and realised loss rate by {portfolio.unit}") as picture:
        axes = picture.axes(right=1.22)
        axes.fill_between(at, low, high, color=LARGE, alpha=0.18, linewidth=0)
        axes.plot(at, expected, color=LARGE, linewidth=2.2, marker="o", markersize=4)
        ends = {"expected": (float(expected[-1]), LARGE, True)}
        if portfolio.realised is not None:
            realised = portfolio.realised[shown] / exposure
            axes.plot(at, realised, color=INK, linewidth=1.0, marker="D", markersize=4)
            ends["realised"] = (float(realised[-1]), INK, False)
            drawn.append(realised)
        axes.set_ylim(0, rate_ceiling(drawn))
        axes.set_xlim(-0.4, len(at) - 0.6)
        axes.set_xticks(*thinned(at, list(portfolio.labels[shown])))
        axes.set_ylabel(f"loss, share of exposure; band holds {100 * level:g} %")
        percent(axes, "y")
        end_labels(axes, ends)
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
        axes.set_ylabel("default rate", color=QUIET)
        percent(axes, "y")
        end_labels(axes, {"observed": (observed[-1], INK, False), "mean PD": (predicted[-1], LARGE, True)})
    return picture.svg
