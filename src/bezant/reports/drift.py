"""The picture of a walk forward: ranking and level by year, a line a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from bezant.reports.canvas import DASHES, INK, LARGE, PEERS, QUIET, WIDTH, canvas
from bezant.reports.parts import percent, rate_ceiling


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
    colors = dict(zip([p for p in policies if p != strong], zip(PEERS, DASHES, strict=True), strict=False))
    years = sorted({f.year for f in figures})
    observed = {f.year: f.observed for f in figures}
    description = f"AUC and default rates by year, {years[0]} to {years[-1]}, of {len(policies)} policies"
    with canvas("drift", description, width=2 * WIDTH, height=3.9) as picture:
        ranking = picture.axes(right=WIDTH + 0.12, bottom=0.75, top=0.32)
        level = picture.axes(left=WIDTH + 0.52, bottom=0.75, top=0.32)
        for policy in policies:
            rows = sorted((f for f in figures if f.policy == policy), key=lambda f: f.year)
            color, dashes = (LARGE, "-") if policy == strong else colors[policy]
            style = {"color": color, "linestyle": dashes, "linewidth": 2.2 if policy == strong else 1.4}
            at = [f.year for f in rows]
            ranking.plot(at, [f.auc for f in rows], **style, label=names.get(policy, policy))
            level.plot(at, [f.predicted for f in rows], **style)
        level.plot(
            years, [observed[y] for y in years], "D", color=INK, markersize=4, zorder=6, label="observed"
        )
        level.set_ylim(0, rate_ceiling([np.array([max(f.predicted, f.observed) for f in figures])]))
        percent(level, "y")
        titles = {ranking: "AUC by year", level: "default rate: predicted (lines), observed (diamonds)"}
        for axes, title in titles.items():
            axes.set_title(title, loc="left", fontsize=9, color=QUIET)
            axes.set_xticks(years[::2])
            # Steps whose ticks two decimals can print.
            axes.yaxis.get_major_locator().set_params(nbins=6, steps=[1, 2, 5, 10])
        ranking.yaxis.set_major_formatter("{x:.2f}")
        picture.figure.legend(loc="lower center", ncols=len(policies) + 1, frameon=False, fontsize=8.5)
    return picture.svg
