"""The pictures of what changed: regimes and breaks on the price, and the weights of a combination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bezant.evidence.markets import Alarm, SurpriseSignal
from bezant.reports.canvas import HEIGHT, WIDE, LineStyle, canvas
from bezant.reports.markets import _dated, _heading, _level, _sticks
from bezant.reports.palette import EVENT, GOOD, INK
from bezant.reports.parts import end_labels, percent
from bezant.types import AnyArray, FloatArray, InputError

REGIME_COLORS: Mapping[str, str] = {"calm": GOOD, "stormy": EVENT}
"""Regimes that are shaded; what is neither is left white."""

MARKS: Mapping[str, tuple[str, int]] = {"wilder": (EVENT, 15), "calmer": (GOOD, -15)}
"""Colour of each kind of alarm, and how far above the price its arrow begins, in points."""

MOST_SURPRISE = 12.0
"""Nats at which the strip of surprise ends; what is beyond is drawn up to here."""


def price_with_breaks(signal: SurpriseSignal, price: npt.ArrayLike, *, title: str) -> str:
    """Draw the price with its regimes and breaks; below, the surprise of each return; returns SVG.

    Parameters
    ----------
    signal : SurpriseSignal
        Of n returns.
    price : array-like of shape (n,)
        Level at the close of each of their bars.
    title : str
        Such as "S&P 500".
    """
    line = np.asarray(price, dtype=np.float64)
    days = np.asarray(signal.time).astype("datetime64[s]")
    if line.shape != days.shape:
        raise InputError(f"There are {len(days)} returns and {line.size} prices; give one a return.")
    height = HEIGHT + 1.25
    words = f"Price of {title} with regimes of volatility and {len(signal.alarms)} breaks"
    with canvas(f"breaks-{title}", words, width=WIDE, height=height) as picture:
        axes = picture.axes(left=0.6, right=1.2, top=0.32, bottom=1.75)
        _shade(axes, days, signal.regime)
        axes.plot(days, line, color=INK, linewidth=1.1)
        if line.min() > 0 and line.max() > 3 * line.min():
            _in_ratios(axes, line)
        for alarm in signal.alarms:
            _mark(axes, days, line, alarm)
        axes.set_xlim(days[0], days[-1])
        _dated(axes)
        axes.yaxis.set_major_formatter(_level)
        axes.tick_params(labelbottom=False)
        shaded = [name for name in REGIME_COLORS if (np.asarray(signal.regime) == name).any()]
        shown = [title, f"shaded: {' and '.join(shaded)}"] if shaded else [title]
        _heading(
            axes, "; ".join([*shown, "arrows: breaks, from above wilder than forecast, from below calmer"])
        )
        heights = {"calm": 0.08, "stormy": 0.92}
        end_labels(
            axes, {name: (_up(axes, heights[name]), REGIME_COLORS[name], False) for name in shaded[::-1]}
        )
        strip = picture.axes(left=0.6, right=1.2, top=height - 1.42)
        base = np.log(2 * np.pi) / 2  # the least surprise of a normal move
        _sticks(strip, days, np.clip(signal.surprise, base, MOST_SURPRISE) - base)
        strip.set_xlim(days[0], days[-1])
        strip.set_ylim(0, MOST_SURPRISE - base)
        _dated(strip)
        _heading(strip, "Surprise of each return (nats above the least), under the forecast made before it")
    return picture.svg


def _up(axes: Any, share: float) -> float:
    """Return the value that stands at a share of the height of the axes."""
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        return float(low * (high / low) ** share)
    return float(low + share * (high - low))


def _in_ratios(axes: Any, line: FloatArray) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_yscale("log")
    axes.set_ylim(0.9 * line.min(), 1.1 * line.max())
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    axes.yaxis.set_minor_locator(NullLocator())


def _shade(axes: Any, days: npt.NDArray[np.datetime64], regime: AnyArray) -> None:
    """Shade each stretch of one regime."""
    edges = np.flatnonzero(regime[1:] != regime[:-1]) + 1
    for start, stop in zip([0, *edges], [*edges, len(days) - 1], strict=True):
        color = REGIME_COLORS.get(str(regime[start]))
        if color is not None:
            axes.axvspan(days[start], days[min(stop, len(days) - 1)], color=color, alpha=0.12, linewidth=0)


def _mark(axes: Any, days: npt.NDArray[np.datetime64], line: FloatArray, alarm: Alarm) -> None:
    color, away = MARKS[alarm.kind]
    axes.annotate(
        "", (days[alarm.at], line[alarm.at]), (0, away), textcoords="offset points",
        arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 2},
    )  # fmt: skip


def weights_by_fit(
    times: AnyArray,
    until: np.datetime64,
    weights: Mapping[str, FloatArray],
    *,
    styles: Mapping[str, LineStyle],
    what: str,
    column: int,
) -> str:
    """Draw the weight of each part in each fit; returns SVG.

    Parameters
    ----------
    times : datetime64 array of shape (f,)
        Of the fits, at least two.
    until : datetime64
        The last origin.
    weights : mapping of part to float array of shape (f, 2)
    styles : mapping of str to LineStyle
        Of each part.
    what : str
        Of what, such as "quantiles".
    column : int
        0 for variance, 1 for quantiles.
    """
    days = np.append(times, until).astype("datetime64[s]")
    with canvas(f"weights-{what}", f"Weights of the parts for {what}, by fit") as picture:
        axes = picture.axes(left=0.5, right=1.25, top=0.32)
        for name, both in weights.items():
            axes.step(days, np.append(both[:, column], both[-1, column]), where="post", **styles[name].line())
        axes.set_ylim(0, max(1.05 * max(float(both[:, column].max()) for both in weights.values()), 0.1))
        axes.set_xlim(days[0], days[-1])
        _dated(axes)
        percent(axes, "y")
        _heading(axes, f"Weight for {what}, by fit")
        end_labels(
            axes,
            {
                name: (float(both[-1, column]), styles[name].color, styles[name].strong)
                for name, both in weights.items()
            },
        )
    return picture.svg
