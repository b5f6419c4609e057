"""The pictures of recommendations: hits and variety by length of list, what is named, a customer's list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bezant.evidence.rankings import ListCurves
from bezant.reports.canvas import HEIGHT, WIDE, LineStyle, canvas, short
from bezant.reports.palette import INK, LARGE, QUIET, RULE
from bezant.reports.parts import end_labels, name_margin, percent, unit_square
from bezant.schema.words import counted
from bezant.types import FloatArray, InputError, IntArray

MOST_RECORDS = 8
"""Of a customer's records so many of the latest are written out."""

NAMES = 0.39
"""Where the names of records end, in shares of the width."""


@dataclass(frozen=True)
class Expected:
    """What a model expects next of one customer, and the records that led to it.

    Attributes
    ----------
    customer : str
    records : tuple of str
        Names of the products taken, earliest first.
    days : tuple of float
        Days since 1970 of each, or nothing where records have no times.
    products : tuple of str
        Recommended, best first.
    probabilities : tuple of float
        Of each, among all that might be recommended.
    reasons : tuple of (product, record, effect)
        Places in ``products`` and ``records``, and by how much the lead would fall without the record.
    """

    customer: str
    records: tuple[str, ...]
    days: tuple[float, ...]
    products: tuple[str, ...]
    probabilities: tuple[float, ...]
    reasons: tuple[tuple[int, int, float], ...]

    def __post_init__(self) -> None:
        timed = len(self.days) in (0, len(self.records))
        if not timed or len(self.products) != len(self.probabilities):
            raise InputError("A customer's records need a day each or none, and products a probability each.")


# ------------------------------------------------------------------------------------ lists by length


def hits_by_length(curves: Mapping[str, ListCurves], *, styles: Mapping[str, LineStyle], large: str) -> str:
    """Draw in how many customers' lists the product they took stands, by length of the list; returns SVG.

    Parameters
    ----------
    curves : mapping of str to ListCurves
        By model, all of the same lengths.
    styles : mapping of str to LineStyle
    large : str
        The model whose interval is drawn too.
    """
    own = curves[large]
    with canvas("hits", f"Hit rate by length of the list, of {counted(len(curves), 'model')}") as picture:
        axes = _of_lengths(picture, own.length)
        axes.fill_between(own.length, own.low, own.high, color=LARGE, alpha=0.14, linewidth=0)
        axes.plot(own.length, own.by_chance, color=RULE, linewidth=1.4, zorder=1)
        ends = {"by chance": (own.by_chance[-1], QUIET, False)}
        for model, curve in curves.items():
            axes.plot(curve.length, curve.hit_rate, **styles[model].line())
            ends[model] = (curve.hit_rate[-1], styles[model].color, styles[model].strong)
        axes.set_ylim(0, min(1.0, 1.08 * max(own.high + tuple(c.hit_rate[-1] for c in curves.values()))))
        axes.set_ylabel("customers whose product is in the list")
        end_labels(axes, ends)
    return picture.svg


def coverage_by_length(curves: Mapping[str, ListCurves], *, styles: Mapping[str, LineStyle]) -> str:
    """Draw which share of all products stands in somebody's list, by length of the list; returns SVG.

    Parameters
    ----------
    curves : mapping of str to ListCurves
        By model, all of the same lengths.
    styles : mapping of str to LineStyle
    """
    lengths = next(iter(curves.values())).length
    with canvas(
        "list-coverage", f"Coverage by length of the list, of {counted(len(curves), 'model')}"
    ) as picture:
        axes = _of_lengths(picture, lengths)
        ends = {}
        for model, curve in curves.items():
            axes.plot(curve.length, curve.coverage, **styles[model].line())
            ends[model] = (curve.coverage[-1], styles[model].color, styles[model].strong)
        axes.set_ylim(0, min(1.02, 1.08 * max(end for end, *_ in ends.values())))
        axes.set_ylabel("products in somebody's list")
        end_labels(axes, ends)
    return picture.svg


def _of_lengths(picture: Any, lengths: Sequence[int]) -> Any:
    """Return axes of lengths of lists (logarithmic) and shares."""
    from matplotlib.ticker import FixedLocator, NullLocator

    axes = picture.axes(left=0.62, right=1.28)
    if len(lengths) > 1:
        axes.set_xscale("log")
        axes.set_xlim(lengths[0], lengths[-1])
    shown = [k for k in (1, 2, 3, 5, 10, 20, 50, 100) if lengths[0] <= k <= lengths[-1]]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("length of the list")
    percent(axes, "y")
    return axes


# ------------------------------------------------------------------------------- what is named most


def recommended_and_taken(
    names: Sequence[str], recommended: FloatArray, taken: FloatArray, place: IntArray
) -> str:
    """Draw how often products are recommended beside how often they were taken; returns SVG.

    Parameters
    ----------
    names : sequence of str, length r
        Most recommended first.
    recommended : float array of shape (r,)
        Share of the customers in whose list each stands.
    taken : float array of shape (r,)
        Share of the customers who took it before.
    place : int array of shape (r,)
        Of each among all products by how many took them.
    """
    at = np.arange(len(names))
    height = max(HEIGHT, 0.85 + 0.24 * len(names))
    with canvas("most-recommended", "Share of lists and of customers, by product", height=height) as picture:
        axes = picture.axes(left=name_margin(names), right=0.62, top=0.38)
        ends = np.minimum(recommended, taken), np.maximum(recommended, taken)
        axes.hlines(at, *ends, color=RULE, linewidth=1.6)
        axes.plot(taken, at, "D", color=QUIET, markersize=4.5, label="took it before")
        axes.plot(recommended, at, "o", color=LARGE, markersize=7, zorder=5, label="are recommended it")
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, fontsize=8.5,
            labelcolor="linecolor", handletextpad=0.2, columnspacing=1.2, borderaxespad=0.2,
        )  # fmt: skip
        for row, number in enumerate(place):
            axes.text(
                1.12,
                row,
                f"{number:,}",
                transform=axes.get_yaxis_transform(),
                ha="right",
                va="center",
                color=QUIET,
            )
        axes.text(1.12, 1.035, "place", transform=axes.transAxes, ha="right", color=QUIET, size=8.5)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_yticks(at, [short(name) for name in names], color=INK)
        axes.set_xlim(0, 1.06 * max(float(recommended.max()), float(taken.max()), 0.01))
        axes.set_xlabel("customers")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.get_major_locator().set_params(nbins=5)
        percent(axes, "x")
    return picture.svg


def reach(taken: IntArray, recommended: IntArray) -> str:
    """Draw which part of all events, and of all places in lists, the most taken products have; returns SVG.

    Parameters
    ----------
    taken, recommended : int arrays of shape (p,)
        Events, and places in lists, of each product.
    """
    order = np.argsort(-np.asarray(taken), kind="stable")
    across = np.arange(len(order) + 1) / max(len(order), 1)
    step = max(1, len(order) // 200)
    shown = np.unique(np.append(np.arange(0, len(across), step), len(across) - 1))
    with canvas("reach", "Share of events and of lists by popularity of the product") as picture:
        axes = picture.axes(left=0.62)
        unit_square(axes, "products, most taken first", "share of all")
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=0.9, zorder=1)
        parts = (("taken", taken, QUIET, 1.4, 0.04), ("in lists", recommended, LARGE, 2.2, 0.11))
        for name, counts, color, width, height in parts:
            held = np.append(0.0, np.cumsum(np.asarray(counts)[order]) / max(float(np.sum(counts)), 1.0))
            axes.plot(across[shown], held[shown], color=color, linewidth=width)
            tenth = held[round(0.1 * (len(held) - 1))]
            words = f"{name}: {tenth:.0%} by the most taken tenth"
            weight = "bold" if color == LARGE else "normal"
            # the corner that no line crosses but one of lists without any product that many took
            axes.text(0.99, height, words, color=color, fontweight=weight, size=8.5, ha="right")
        axes.axvline(0.1, color=RULE, linewidth=0.9, linestyle=(0, (2, 2)), zorder=0)
    return picture.svg


# --------------------------------------------------------------------------------- a customer's list


def expected_next(said: Expected) -> str:
    """Draw a customer's latest records, what the model expects next, and what led to what; returns SVG.

    Above, where records have times and there are more than are written out, a stick for each of them all.
    """
    shown = _shown_records(said)
    rug = bool(said.days) and len(said.records) > len(shown)
    rows = max(len(shown), len(said.products), 1)
    height = 0.62 + 0.255 * rows + (0.7 if rug else 0.0)
    with canvas(
        f"next-{said.customer}",
        f"Records and expectations of {short(said.customer)}",
        width=WIDE,
        height=height,
    ) as picture:
        axes = picture.axes(left=0.1, right=0.1, top=1.12 if rug else 0.42, bottom=0.1)
        axes.set(xlim=(0, 1), ylim=(rows - 0.4, -0.6))
        axes.axis("off")
        left = _spread(len(shown), rows)
        right = _spread(len(said.products), rows)
        _write_records(axes, said, shown, left)
        _write_products(axes, said, right)
        _draw_reasons(axes, said, shown, left, right)
        if rug:
            _draw_rug(picture.axes(left=0.25, right=0.25, top=0.3, bottom=height - 0.62), said)
    return picture.svg


def _shown_records(said: Expected) -> list[int]:
    """Return places of the records that led to something and, as far as there is room, of the latest."""
    reasons = sorted({record for _, record, _ in said.reasons})[-MOST_RECORDS:]
    others = [i for i in range(len(said.records))[::-1] if i not in reasons]
    return sorted(reasons + others[: MOST_RECORDS - len(reasons)])


def _spread(number: int, rows: int) -> FloatArray:
    """Return the heights of so many lines, in the middle of all rows."""
    return np.arange(number) + (rows - number) / 2


def _write_records(axes: Any, said: Expected, shown: Sequence[int], heights: FloatArray) -> None:
    led = {record for _, record, _ in said.reasons}
    dates = [str(np.datetime64(int(np.floor(day)), "D")) for day in said.days]
    axes.text(NAMES, -0.95, "latest records", color=QUIET, size=8.5, ha="right")
    for row, (place, height) in enumerate(zip(shown, heights, strict=True)):
        color = INK if place in led else QUIET
        axes.text(NAMES, height, short(said.records[place], 38), color=color, ha="right", va="center")
        axes.plot([NAMES + 0.015], [height], "o", color=color, markersize=4)
        if dates and (row == 0 or dates[place] != dates[shown[row - 1]]):
            axes.text(0.0, height, dates[place], color=QUIET, va="center", size=8.5)


def _write_products(axes: Any, said: Expected, heights: FloatArray) -> None:
    most = max(said.probabilities, default=1.0) or 1.0
    axes.text(0.615, -0.95, "expected next", color=LARGE, size=8.5, fontweight="bold")
    axes.text(0.995, -0.95, "probability", color=QUIET, size=8.5, ha="right")
    for name, p, height in zip(said.products, said.probabilities, heights, strict=True):
        axes.plot([0.6], [height], "o", color=LARGE, markersize=5)
        axes.text(0.615, height, short(name, 34), color=INK, va="center")
        axes.barh(height, 0.085 * p / most, left=0.86, height=0.55, color=LARGE, alpha=0.8)
        axes.text(0.995, height, f"{100 * p:.1f}%", color=INK, va="center", ha="right", size=8.5)


def _draw_reasons(
    axes: Any, said: Expected, shown: Sequence[int], left: FloatArray, right: FloatArray
) -> None:
    strongest = max((effect for *_, effect in said.reasons), default=1.0)
    across = np.linspace(0, 1, 25)
    bend = (1 - np.cos(np.pi * across)) / 2  # level at either end
    for product, record, effect in said.reasons:
        if record not in shown:
            continue
        start, end = left[shown.index(record)], right[product]
        width = 0.5 + 3.5 * effect / strongest
        axes.plot(
            NAMES + 0.021 + (0.573 - NAMES) * across,
            start + (end - start) * bend,
            color=LARGE,
            linewidth=width,
            alpha=0.35,
        )


def _draw_rug(axes: Any, said: Expected) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    days = (np.asarray(said.days) * 86_400).astype("datetime64[s]")
    up = np.tile([0.0, 1.0, np.nan], len(days))
    axes.plot(np.repeat(days, 3), up, color=QUIET, linewidth=0.7, alpha=0.7)
    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.set(ylim=(0, 1), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.text(0, 1.15, f"all {len(days):,} records", transform=axes.transAxes, color=QUIET, size=8.5)
