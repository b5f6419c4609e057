"""Parts that several of the report's pictures share: axes of shares, keys, labels at line ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bezant.reports.canvas import WIDTH, LineStyle, short
from bezant.reports.palette import INK, QUIET
from bezant.types import AnyArray, FloatArray


def percent(axes: Any, which: str) -> None:
    """Print ticks as per cent, with as many decimals as they need to be told right: 2.5 % is not 2 %."""

    def printed(axis: Any) -> Callable[[float, int], str]:
        def text(value: float, _: int) -> str:
            ticks = 100 * np.asarray(axis.get_majorticklocs(), np.float64)
            digits = next((d for d in range(3) if np.allclose(ticks, ticks.round(d), rtol=0, atol=1e-6)), 3)
            return f"{100 * value:.{digits}f}%"

        return text

    for name in ("x", "y"):
        if which in (name, "both"):
            axis = getattr(axes, f"{name}axis")
            axis.set_major_formatter(printed(axis))


def unit_square(axes: Any, across: str, up: str) -> None:
    """Set up axes of two shares."""
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel=across, ylabel=up)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    percent(axes, "both")


def rate_ceiling(values: Sequence[FloatArray]) -> float:
    """Return an upper bound of an axis of rates: a little above the largest, at most 1."""
    finite = np.concatenate([np.asarray(v, float)[np.isfinite(v)] for v in values])
    return float(min(1.0, 1.08 * max(float(finite.max(initial=0.0)), 0.01)))


def upper_reach(thresholds: FloatArray, *shares: FloatArray) -> float:
    """Return where the axis may end: 99 % of either outcome lie below."""
    reached = np.min(np.stack([np.asarray(s) for s in shares]), axis=0) >= 0.99
    end = thresholds[np.argmax(reached)] if bool(reached.any()) else thresholds[-1]
    return float(min(1.0, max(1.05 * float(end), 0.01)))


def thinned(at: AnyArray, labels: Sequence[str], most: int = 8) -> tuple[AnyArray, list[str]]:
    """Return at most a few ticks, so that their labels never touch."""
    longest = max((len(label) for label in labels), default=1)
    step = max(1, int(np.ceil(len(labels) / max(2, min(most, 40 // max(longest, 1))))))
    return at[::step], [short(label, 12) for label in labels[::step]]


def key(
    axes: Any,
    entries: Sequence[tuple[str, str]],
    styles: Mapping[str, LineStyle],
    *,
    left: float,
    top: float,
    heading: str = "",
) -> None:
    """Write the names of the lines into an empty corner, each after a piece of its line.

    Parameters
    ----------
    entries : sequence of (value, model)
        Text before the name, and the model.
    left, top : float
        Where the first line stands, in shares of the axes.
    """
    step = 0.062
    if heading:
        axes.text(left + 0.1, top + step, heading, transform=axes.transAxes, color=QUIET, size=8, va="center")
    for row, (value, model) in enumerate(entries):
        height = top - step * row
        line = {**styles[model].line(), "zorder": 6}
        axes.plot([left, left + 0.075], [height, height], transform=axes.transAxes, clip_on=False, **line)
        text = f"{value}  {short(model, 24)}".strip()
        axes.text(
            left + 0.1, height, text, transform=axes.transAxes, va="center", size=8.5,
            color=styles[model].color, fontweight=styles[model].weight, zorder=7,
        )  # fmt: skip


def end_labels(axes: Any, ends: Mapping[str, tuple[float, str, bool]]) -> None:
    """Write names at the right ends of lines, pushed apart where they would overlap."""
    ends = {name: end for name, end in ends.items() if np.isfinite(end[0])}
    if not ends:
        return
    low, high = axes.get_ylim()
    apart = (high - low) * 9.5 / (axes.get_position().height * axes.figure.get_size_inches()[1] * 72)
    names = sorted(ends, key=lambda name: ends[name][0])
    heights = [ends[name][0] for name in names]
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + apart)
    excess = max(0.0, heights[-1] - (high - apart / 2))
    for i in range(len(heights) - 1, -1, -1):  # push back down what would leave the top
        limit = heights[i + 1] - apart if i + 1 < len(heights) else heights[i] - excess
        heights[i] = min(heights[i], limit)
    for name, height in zip(names, heights, strict=True):
        _, color, strong = ends[name]
        axes.annotate(
            short(name, 18), (1.0, height), xycoords=axes.get_yaxis_transform(), xytext=(5, 0),
            textcoords="offset points", color=color, va="center", size=8.5, annotation_clip=False,
            fontweight="bold" if strong else "normal",
        )  # fmt: skip


def mark_epoch(axes: Any, best: int, first: float, last: float) -> None:
    """Draw a line at the best epoch and name it, on the side where there is room."""
    axes.axvline(best, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
    side, away = ("right", -5) if best > first + 0.6 * (last - first) else ("left", 5)
    axes.annotate(
        f"best: epoch {best}", (best, 1.0), (away, 0), xycoords=axes.get_xaxis_transform(),
        textcoords="offset points", ha=side, va="top", size=8, color=QUIET,
    )  # fmt: skip


def name_margin(names: Mapping[str, object] | Sequence[str]) -> float:
    """Return the left margin in inches that the longest name needs."""
    return min(0.45 * WIDTH, 0.3 + 0.078 * max((len(short(name)) for name in names), default=1))


def name_axis(axes: Any, names: Sequence[str], styles: Mapping[str, LineStyle]) -> None:
    """Write the models' names along the vertical axis, each in its colour."""
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_color(styles[name].color)
        label.set_fontweight(styles[name].weight)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.get_major_locator().set_params(nbins=5)
