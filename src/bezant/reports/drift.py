"""The picture of a walk forward: ranking and level by year, a line a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from bezant.reports.canvas import HEIGHT, WIDTH, canvas, line_styles
from bezant.reports.palette import INK, QUIET
from bezant.reports.parts import end_labels, percent, rate_ceiling


class OfYear(Protocol):
    """What is drawn of a policy in a year."""

    @property
    def year(self) -> int:
        """Return the year."""

    @property
    def policy(self) -> str:
        """Return the policy."""

    @property
    def auc(self) -> float:
        """Return the area under the ROC curve."""

    @property
    def observed(self) -> float:
        """Return the share of events."""

    @property
    def predicted(self) -> float:
        """Return the mean probability."""


def drift_picture(figures: Sequence[OfYear], names: Mapping[str, str], *, strong: str = "updated") -> str:
    """Draw AUC by year, and predicted beside observed default rates; returns SVG.

    Parameters
    ----------
    figures : sequence
        A value for each year and policy.
    names : mapping of str to str
        What each policy is called.
    strong : str, default "updated"
        The policy that is drawn strong.
    """
    policies = list(dict.fromkeys(f.policy for f in figures))
    styles = line_styles(policies, strong)
    years = sorted({f.year for f in figures})
    observed = {f.year: f.observed for f in figures}
    description = f"AUC and default rates by year, {years[0]} to {years[-1]}, of {len(policies)} policies"
    with canvas("drift", description, width=2 * WIDTH, height=HEIGHT) as picture:
        panels = {
            "auc": picture.axes(right=WIDTH + 1.3, top=0.32, bottom=0.3),
            "predicted": picture.axes(left=WIDTH + 0.5, right=1.42, top=0.32, bottom=0.3),
        }
        ends: dict[str, dict[str, tuple[float, str, bool]]] = {figure: {} for figure in panels}
        for policy in policies:
            rows = sorted((f for f in figures if f.policy == policy), key=lambda f: f.year)
            style = styles[policy]
            for figure, axes in panels.items():
                values = [getattr(f, figure) for f in rows]
                axes.plot([f.year for f in rows], values, **style.line())
                ends[figure][names.get(policy, policy)] = (values[-1], style.color, style.strong)
        level = panels["predicted"]
        level.plot(years, [observed[y] for y in years], "D", color=INK, markersize=4.5, zorder=6)
        ends["predicted"]["observed"] = (observed[years[-1]], INK, False)
        level.set_ylim(0, rate_ceiling([np.array([max(f.predicted, f.observed) for f in figures])]))
        percent(level, "y")
        titles = {"auc": "AUC by year", "predicted": "default rate: predicted (lines), observed (diamonds)"}
        for figure, axes in panels.items():
            axes.set_title(titles[figure], loc="left", fontsize=9, color=QUIET)
            axes.set_xlim(years[0] - 0.3, years[-1] + 0.3)
            axes.set_xticks(years[:: max(1, len(years) // 6)])
            # Steps whose ticks two decimals can print.
            axes.yaxis.get_major_locator().set_params(nbins=6, steps=[1, 2, 5, 10])
            end_labels(axes, ends[figure])
        panels["auc"].yaxis.set_major_formatter("{x:.2f}")
    return picture.svg
