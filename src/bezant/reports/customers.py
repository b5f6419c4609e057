"""The pictures of customers: a map of their groups, what each group buys, single customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bezant.reports.canvas import WIDE, canvas, short
from bezant.reports.palette import INK, LARGE, LARGE_LIGHT, QUIET, RULE
from bezant.reports.parts import percent
from bezant.schema.words import counted
from bezant.types import AnyArray, FloatArray, InputError


@dataclass(frozen=True, eq=False)
class PurchaseLine:
    """One customer's purchases, what is expected of the horizon, and what came if that is known.

    Attributes
    ----------
    customer : str
    day : datetime64[D] array of shape (m,)
        Before the horizon begins.
    amount : float array of shape (m,)
        1 for all where amounts are not known.
    count, active : float
        Expected purchases, and the probability of any.
    spend : float
        NaN if not predicted.
    later_day, later_amount : arrays of shape (l,), or None
        What came within the horizon; None if that is not known.
    """

    customer: str
    day: AnyArray
    amount: FloatArray
    count: float
    active: float
    spend: float = float("nan")
    later_day: AnyArray | None = None
    later_amount: FloatArray | None = None

    def __post_init__(self) -> None:
        known = self.later_day is not None
        if len(self.day) != len(self.amount) or known != (self.later_amount is not None):
            raise InputError(f"The days of customer {self.customer} need an amount each.")


def segment_map(weeks: FloatArray, purchases: FloatArray, customers: FloatArray, expected: FloatArray) -> str:
    """Draw groups of customers where they stand in recency and frequency, as large as they are; returns SVG.

    Groups that would hide each other are moved apart.

    Parameters
    ----------
    weeks, purchases : float arrays of shape (k,)
        Mean weeks since the last purchase, and mean purchases so far, of each group, numbered from 1.
    customers : array of shape (k,)
        How many a group has: the area.
    expected : float array of shape (k,)
        Mean expected purchases: the shade.
    """
    radius = 0.33 * np.sqrt(np.asarray(customers, np.float64) / max(customers))  # inches
    colors = _shades(expected)
    with canvas(
        "segments", "Groups of customers by recency, frequency, size and expected purchases"
    ) as picture:
        axes = picture.axes(left=0.6, right=0.15, top=0.3)
        axes.set_yscale("log")
        reach, ratio = max(float(np.ptp(weeks)), 1.0), max(max(purchases) / min(purchases), 1.5)
        axes.set_xlim(max(min(weeks) - 0.22 * reach, -0.05 * reach), max(weeks) + 0.25 * reach)
        axes.set_ylim(min(purchases) / ratio**0.28, max(purchases) * ratio**0.25)
        dots = axes.figure.dpi  # a display coordinate is one of so many an inch
        inches = axes.transData.transform(np.stack([weeks, purchases], 1)) / dots
        places = axes.transData.inverted().transform(dots * _apart(inches, radius))
        for i in np.argsort(-radius):
            axes.plot(
                *places[i],
                "o",
                color=colors[i],
                markersize=144 * radius[i],
                markeredgecolor="white",
                clip_on=False,
            )
            inside = radius[i] > 0.09
            axes.annotate(
                str(i + 1), places[i], (0 if inside else 72 * radius[i] + 4, 0),
                textcoords="offset points", ha="center" if inside else "left", va="center", size=10,
                fontweight="bold", color="white" if inside and _is_dark(colors[i]) else INK,
            )  # fmt: skip
        _plain_log_axis(axes)
        axes.set(xlabel="weeks since the last purchase (mean)", ylabel="purchases so far (mean)")
        _say_above(axes, "area: customers; darker: more purchases expected")
    return picture.svg


def _shades(expected: FloatArray) -> list[tuple[float, ...]]:
    """Return a colour for each group, darker where more is expected."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("expected", [LARGE_LIGHT, LARGE])
    return [shades(float(v)) for v in np.asarray(expected) / max(*expected, 1e-9)]


def _is_dark(color: Sequence[float]) -> bool:
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] < 0.55


def _say_above(axes: Any, words: str) -> None:
    axes.text(0, 1.02, words, transform=axes.transAxes, color=QUIET, size=8.5)


def _apart(places: FloatArray, radius: FloatArray) -> FloatArray:
    """Return places (k, 2) in inches, pushed apart until no circle hides more than a little of another."""
    found = np.array(places, np.float64)
    for _ in range(60):
        moved = False
        for i in range(len(found)):
            for j in range(i):
                away = found[i] - found[j]
                wanted = 0.9 * (radius[i] + radius[j])
                far = float(np.hypot(*away))
                if far < wanted:
                    step = away / far if far > 1e-6 else np.array([1.0, 0.0])
                    found[i] += step * (wanted - far) / 2
                    found[j] -= step * (wanted - far) / 2
                    moved = True
        if not moved:
            break
    return found


def segment_shares(customers: FloatArray, expected: FloatArray) -> str:
    """Draw groups as wide as they are and as high as what is expected of each customer; returns SVG.

    Parameters
    ----------
    customers : array of shape (k,)
    expected : float array of shape (k,)
        Mean expected purchases of a customer: the area is what a group will buy.
    """
    share = np.asarray(customers, np.float64) / sum(customers)
    left = np.append(0.0, np.cumsum(share))[:-1]
    bought = share * expected / max(float((share * expected).sum()), 1e-9)
    with canvas("segment-shares", "Expected purchases by group of customers") as picture:
        axes = picture.axes(left=0.6, right=0.15, top=0.3)
        axes.bar(
            left,
            expected,
            width=share,
            align="edge",
            color=_shades(expected),
            edgecolor="white",
            linewidth=1.2,
        )
        top = 1.22 * max(expected)
        for i, (start, width) in enumerate(zip(left, share, strict=True)):
            text = f"{i + 1}\n{bought[i]:.0%}" if width > 0.055 else str(i + 1)
            axes.text(
                start + width / 2,
                expected[i] + 0.015 * top,
                text,
                ha="center",
                va="bottom",
                size=8.5,
                color=INK,
            )
        axes.set(
            xlim=(0, 1),
            ylim=(0, top),
            xlabel="share of the customers",
            ylabel="expected purchases a customer",
        )
        _say_above(axes, "area: purchases expected of a group, their share written above")
        percent(axes, "x")
    return picture.svg


def _plain_log_axis(axes: Any) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    low, high = axes.get_ylim()
    steps = [m * 10.0**e for e in range(-2, 6) for m in (1, 2, 5)]
    axes.yaxis.set_major_locator(FixedLocator([s for s in steps if low <= s <= high]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")


def purchase_lines(lines: Sequence[PurchaseLine], start: np.datetime64, end: np.datetime64) -> str:
    """Draw customers' purchases, a row each, with what is expected of the horizon; returns SVG.

    Parameters
    ----------
    lines : sequence of PurchaseLine
    start, end : datetime64[D]
        The horizon; drawn shaded.
    """
    known = any(line.later_day is not None for line in lines)
    spends = any(np.isfinite(line.spend) for line in lines)
    heads = ["P(buys)", "purchases", *(["spend"] if spends else []), *(["came"] if known else [])]
    height, right = 0.75 + 0.52 * len(lines), 0.2 + 0.82 * len(heads)
    with canvas(
        "purchase-lines",
        f"Purchases of {counted(len(lines), 'customer')}, and what is expected",
        width=WIDE,
        height=height,
    ) as picture:
        axes = picture.axes(left=1.15, right=right, top=0.4, bottom=0.35)
        axes.axvspan(start, end, color=LARGE, alpha=0.08, linewidth=0)
        axes.axvline(start, color=LARGE, linewidth=1.0)
        for row, line in enumerate(lines):
            _draw_line(axes, row, line)
            _write_expected(axes, row, line, right, len(heads), spends=spends, known=known)
        _heads(axes, heads, right)
        first = min(line.day.min() for line in lines)
        axes.set_xlim(first - (end - first) * 0.02, end)
        axes.set_ylim(len(lines) - 0.25, -0.75)
        axes.set_yticks(range(len(lines)), [short(line.customer, 13) for line in lines], color=INK)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        _dated(axes)
        axes.annotate(
            "asked here", (start, 1), (4, 5), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
            color=LARGE, size=8.5,
        )  # fmt: skip
    return picture.svg


def _draw_line(axes: Any, row: int, line: PurchaseLine) -> None:
    """Draw a stem a purchase, as high as its amount."""
    later = line.later_amount if line.later_amount is not None else np.empty(0)
    most = max(float(np.max(line.amount, initial=0.0)), float(np.max(later, initial=0.0)), 1e-9)
    base = row + 0.28
    axes.axhline(base, color=RULE, linewidth=0.7, zorder=0)
    parts = [(line.day, line.amount, QUIET, "o"), (line.later_day, later, INK, "D")]
    for days, amounts, color, marker in parts:
        if days is None or not len(days):
            continue
        tops = base - (0.2 + 0.5 * np.maximum(amounts, 0.0) / most)
        axes.vlines(days, base, tops, color=color, linewidth=1.3)
        axes.plot(days, tops, marker, color=color, markersize=3.4, linestyle="none")


def _write_expected(
    axes: Any, row: int, line: PurchaseLine, right: float, columns: int, *, spends: bool, known: bool
) -> None:
    cells = [f"{line.active:.0%}", f"{line.count:.2f}"]
    cells += [f"{line.spend:,.0f}" if np.isfinite(line.spend) else "–"] if spends else []
    came = "–" if line.later_day is None else str(len(line.later_day))
    cells += [came] if known else []
    for column, text in enumerate(cells):
        last = known and column == columns - 1
        axes.annotate(
            text, (1.0, row), (72 * (0.72 + 0.82 * column), 0), xycoords=axes.get_yaxis_transform(),
            textcoords="offset points", ha="right", va="center", color=INK if last else LARGE,
            fontweight="normal" if last else "bold", annotation_clip=False,
        )  # fmt: skip


def _heads(axes: Any, heads: Sequence[str], right: float) -> None:
    for column, text in enumerate(heads):
        axes.annotate(
            text, (1.0, 1.0), (72 * (0.72 + 0.82 * column), 5), xycoords="axes fraction",
            textcoords="offset points", ha="right", color=QUIET, size=8.5, annotation_clip=False,
        )  # fmt: skip


def _dated(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
