"""The pictures of markets: fans of forecasts, volatility, VaR with its exceptions, coverage, scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bezant.evidence.var_backtests.traffic_light import (
    FIRST_AMBER,
    FIRST_RED,
    MULTIPLIERS,
    WINDOW,
    exceptions_in_window,
    zone_of,
)
from bezant.reports.canvas import HEIGHT, WIDE, canvas
from bezant.reports.palette import AXIS, EVENT, GOOD, INK, LARGE, QUIET, RULE, WARNED
from bezant.reports.parts import end_labels, percent
from bezant.types import FloatArray, InputError

ZONES: Mapping[str, str] = {"green": GOOD, "amber": WARNED, "red": EVENT}
"""Colours of the traffic light's zones; each is named in the picture too."""

BAND_ALPHA = 0.17
"""Opacity of one band of a fan; bands lie over each other, so that the middle is darkest."""


def _dated(axes: Any) -> None:
    """Write dates along the horizontal axis, as few and as short as tell them apart."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def _heading(axes: Any, text: str) -> None:
    axes.annotate(
        text, (0, 1), (0, 9), xycoords="axes fraction", textcoords="offset points", color=QUIET, size=8.5
    )


def fan(
    dates: npt.ArrayLike,
    history: npt.ArrayLike,
    ahead: npt.ArrayLike,
    quantiles: npt.ArrayLike,
    levels: Sequence[float],
    *,
    title: str,
    realised: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    shown: float = 4.0,
) -> str:
    """Draw the past, the bands of the forecast from the last known value on, and what came; returns SVG.

    Between the horizons the bands widen with the root of time; dots mark the horizons that were forecast.

    Parameters
    ----------
    dates : array-like of datetime64, shape (n,)
        Of the past shown; the last one is the origin.
    history : array-like of shape (n,)
        Level at each, such as the price.
    ahead : array-like of datetime64, shape (h,)
        Dates of the horizons, rising, after the origin.
    quantiles : array-like of shape (h, q)
        Of the level at each horizon, above 0 where the history is.
    levels : sequence of float, length q
        Rising, symmetric about 0.5, such as 0.05, 0.25, 0.5, 0.75, 0.95.
    title : str
        What is drawn, such as "S&P 500".
    realised : (dates, values), optional
        What came after the origin.
    shown : float, default 4
        How much of the past is drawn, in lengths of the longest horizon.

    Raises
    ------
    InputError
        If the levels are not symmetric about 0.5 or shapes do not fit.
    """
    past, after = (np.asarray(d).astype("datetime64[s]") for d in (dates, ahead))
    line, fans = np.asarray(history, dtype=np.float64), np.asarray(quantiles, dtype=np.float64)
    pairs = _bands(levels, fans, (len(after), len(levels)))
    recent = past >= past[-1] - (after[-1] - past[-1]) * shown
    past, line = past[recent], line[recent]
    with canvas(f"fan-{title}", f"Forecast of {title} with its bands", width=WIDE) as picture:
        axes = picture.axes(left=0.6, right=1.2, top=0.32)
        axes.plot(past, line, color=INK, linewidth=1.1)
        days, paths = _widening(past[-1], line[-1], after, fans)
        for low, high, _ in pairs:
            axes.fill_between(days, paths[:, low], paths[:, high], color=LARGE, alpha=BAND_ALPHA, linewidth=0)
        middle = int(np.argmin(np.abs(np.asarray(levels) - 0.5)))
        axes.plot(days, paths[:, middle], color=LARGE, linewidth=2.0)
        axes.plot(after, fans[:, middle], "o", color=LARGE, markersize=4)
        last = days[-1]
        if realised is not None:
            came = np.asarray(realised[0]).astype("datetime64[s]"), np.asarray(realised[1], np.float64)
            joined = np.append(past[-1], came[0]), np.append(line[-1], came[1])
            axes.plot(*joined, color=INK, linewidth=1.1, linestyle=(0, (1.5, 1.2)))
            last = max(last, came[0][-1])
        axes.axvline(past[-1], color=RULE, linewidth=0.9, zorder=0)
        axes.set_xlim(past[0], last)
        _dated(axes)
        dotted = "; dotted: what came" if realised is not None else ""
        _heading(axes, f"{title}; bands of {_listed([share for *_, share in pairs])}{dotted}")
        axes.yaxis.set_major_formatter(_level)
        _name_bands(axes, pairs, fans[-1], middle)
    return picture.svg


def _level(value: float, _: int) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _bands(
    levels: Sequence[float], quantiles: FloatArray, shape: tuple[int, int]
) -> list[tuple[int, int, float]]:
    """Return columns of the low and high end of each band, the widest first, and its share."""
    at = np.asarray(levels, dtype=np.float64)
    if quantiles.shape != shape or not shape[0] or len(at) < 3 or not np.allclose(at + at[::-1], 1):
        raise InputError(
            f"Quantiles of shape {quantiles.shape} do not make a fan of {len(at)} levels at {shape[0]} "
            "horizons; give symmetric levels such as 0.05, 0.5, 0.95."
        )
    return [(i, len(at) - 1 - i, float(at[-1 - i] - at[i])) for i in range(len(at) // 2)]


def _widening(
    origin: np.datetime64, value: float, ahead: npt.NDArray[np.datetime64], quantiles: FloatArray
) -> tuple[npt.NDArray[np.datetime64], FloatArray]:
    """Return days from the origin to the last horizon, and quantiles straight in the root of time."""
    span = (ahead - origin).astype(np.float64)
    steps = np.linspace(0, 1, 41) ** 2 * span[-1]
    steps = np.unique(np.append(steps, span))
    knots, heights = np.sqrt(np.append(0.0, span)), np.vstack([np.full(quantiles.shape[1], value), quantiles])
    paths = np.stack([np.interp(np.sqrt(steps), knots, column) for column in heights.T], axis=1)
    return origin + steps.astype("timedelta64[s]"), paths


def _name_bands(axes: Any, pairs: Sequence[tuple[int, int, float]], last: FloatArray, middle: int) -> None:
    ends = {"median": (float(last[middle]), LARGE, True)}
    for low, high, share in pairs:
        ends[f"{50 - 50 * share:.3g}%"] = (float(last[low]), QUIET, False)
        ends[f"{50 + 50 * share:.3g}%"] = (float(last[high]), QUIET, False)
    end_labels(axes, ends)


def _listed(shares: Sequence[float]) -> str:
    texts = [f"{100 * share:.3g}%" for share in sorted(shares)]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def volatility(
    dates: npt.ArrayLike,
    realised: npt.ArrayLike,
    forecast: npt.ArrayLike,
    *,
    title: str,
    band: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    share: float = 0.9,
    as_share: bool = True,
) -> str:
    """Draw the volatility that was forecast, with its band, over the one that came; returns SVG.

    Parameters
    ----------
    dates : array-like of datetime64, shape (n,)
    realised, forecast : array-like of shape (n,)
        Annualised volatility as a fraction: 0.2 is 20 % a year. The axis is logarithmic; days without any
        measured movement have no dot.
    title : str
    band : (low, high), optional
        Ends of the forecast's band, each of shape (n,).
    share : float, default 0.9
        Share of days that the band is to hold.
    as_share : bool, default True
        Write it in per cent; False for changes of a rate, in the rate's own unit.
    """
    days = np.asarray(dates).astype("datetime64[s]")
    came, expected = np.asarray(realised, dtype=np.float64), np.asarray(forecast, dtype=np.float64)
    came = np.where(came > 0, came, np.nan)  # no place on a logarithmic axis
    with canvas(
        f"volatility-{title}", f"Volatility of {title}: forecast and measured", width=WIDE
    ) as picture:
        axes = picture.axes(left=0.6, right=1.2, top=0.32)
        _dots(axes, days, came)
        if band is not None:
            low, high = (np.asarray(end, dtype=np.float64) for end in band)
            axes.fill_between(days, low, high, color=LARGE, alpha=BAND_ALPHA, linewidth=0)
        axes.plot(days, expected, color=LARGE, linewidth=1.3)
        axes.set_yscale("log")
        # A day that hardly moved has a volatility of next to nothing; it must not set the scale.
        least = min(float(np.nanquantile(came, 0.005)), float(expected.min()))
        axes.set_ylim(0.7 * least, 1.25 * float(max(np.nanmax(came), expected.max())))
        axes.set_xlim(days[0], days[-1])
        _dated(axes)
        _name_log_axis(axes, as_share)
        held = f"; band of {100 * share:.3g}% of days" if band is not None else ""
        _heading(axes, f"{title}: volatility a year; dots: as measured{held}")
        axes.annotate(
            "forecast", (1.0, float(expected[-1])), (5, 0), xycoords=axes.get_yaxis_transform(),
            textcoords="offset points", color=LARGE, va="center", size=8.5, fontweight="bold",
            annotation_clip=False,
        )  # fmt: skip
    return picture.svg


def _name_log_axis(axes: Any, as_share: bool) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    low, high = axes.get_ylim()
    steps = [digit * 10.0**power for power in range(-6, 7) for digit in (1, 2, 5)]
    axes.yaxis.set_major_locator(FixedLocator([v for v in steps if low <= v <= high]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%" if as_share else f"{value:g}")


def _dots(axes: Any, days: npt.NDArray[np.datetime64], heights: FloatArray) -> None:
    """Draw a dot a day, all as one line of short sticks: a mark each would be twice the size."""
    up = np.stack([0.992 * heights, 1.008 * heights, np.full(len(days), np.nan)], axis=1).ravel()
    axes.plot(np.repeat(days, 3), up, color=QUIET, linewidth=1.7, alpha=0.6, solid_capstyle="round", zorder=1)


def var_with_exceptions(
    dates: npt.ArrayLike,
    returns: npt.ArrayLike,
    var: npt.ArrayLike,
    *,
    title: str,
    level: float = 0.99,
    as_share: bool = True,
    daily: bool = True,
) -> str:
    """Draw returns, the VaR beneath them and the days beyond it; below, the Basel traffic light.

    Parameters
    ----------
    dates : array-like of datetime64, shape (n,)
    returns : array-like of shape (n,)
        As fractions.
    var : array-like of shape (n,)
        VaR of one day, forecast before it, losses positive.
    title : str
    level : float, default 0.99
        The traffic light is drawn for 99 % and 250 days at least, as the rule has it.
    as_share : bool, default True
        Returns are fractions; False for changes of a rate, in the rate's own unit.
    daily : bool, default True
        Whether a bar is a day; there is no traffic light for others.

    Returns
    -------
    str
        SVG.
    """
    days = np.asarray(dates).astype("datetime64[s]")
    gains, bound = np.asarray(returns, dtype=np.float64), np.asarray(var, dtype=np.float64)
    beyond = gains < -bound
    lit = daily and abs(level - 0.99) < 1e-9 and len(days) >= WINDOW
    height = HEIGHT + (1.25 if lit else 0)
    words = f"Returns of {title} with the VaR of {100 * level:g} % and its {int(beyond.sum())} exceptions"
    with canvas(f"var-{title}", words, width=WIDE, height=height) as picture:
        axes = picture.axes(left=0.6, right=1.2, top=0.32, bottom=1.75 if lit else 0.48)
        _sticks(axes, days, gains)
        axes.plot(days, -bound, color=LARGE, linewidth=1.4)
        axes.plot(days[beyond], gains[beyond], "o", color=EVENT, markersize=4.2, zorder=6)
        axes.axhline(0, color=AXIS, linewidth=0.6)
        axes.set_xlim(days[0], days[-1])
        _dated(axes)
        if as_share:
            percent(axes, "y")
        unit, what = ("days" if daily else "bars"), ("returns" if as_share else "changes")
        counted = f"{int(beyond.sum())} of {len(days)} {unit} beyond ({100 * beyond.mean():.2f}%)"
        _heading(axes, f"{title}: {'daily ' * daily}{what}, VaR {100 * level:g}%; {counted}")
        end_labels(axes, {"VaR": (-float(bound[-1]), LARGE, True)})
        if lit:
            axes.tick_params(labelbottom=False)
            _draw_light(picture.axes(left=0.6, right=1.2, top=height - 1.42), days, beyond)
    return picture.svg


def _sticks(axes: Any, days: npt.NDArray[np.datetime64], heights: FloatArray) -> None:
    """Draw a thin stick a day, all as one line: a path each would make the page ten times as large."""
    across = np.repeat(days, 3)
    up = np.zeros(3 * len(days))
    up[1::3] = heights
    axes.plot(across, up, color=QUIET, linewidth=0.45, alpha=0.75, zorder=1)


def _draw_light(axes: Any, days: npt.NDArray[np.datetime64], beyond: npt.NDArray[np.bool_]) -> None:
    counts = exceptions_in_window(beyond)
    top = max(FIRST_RED + 2.5, float(counts.max()) + 1.5)
    edges = (-0.5, FIRST_AMBER - 0.5, FIRST_RED - 0.5, top)
    for color, low, high in zip(ZONES.values(), edges[:-1], edges[1:], strict=True):
        axes.axhspan(low, high, color=color, alpha=0.15, linewidth=0)
    axes.step(days[WINDOW - 1 :], counts, where="post", color=INK, linewidth=1.2)
    axes.set_xlim(days[0], days[-1])
    axes.set_ylim(edges[0], top)
    axes.set_yticks([0, FIRST_AMBER, FIRST_RED])
    _dated(axes)
    _heading(axes, f"Exceptions in the last {WINDOW} days, and the Basel zones")
    last = int(counts[-1])
    ends = {
        zone: ((low + high) / 2, ZONES[zone], False)
        for zone, low, high in zip(ZONES, edges, edges[1:], strict=False)
    }
    zone = zone_of(last)
    named = f"{zone}: {last}, ×{MULTIPLIERS[min(last, FIRST_RED)]:.2f}"
    end_labels(
        axes, {named if name == zone else name: (end[0], end[1], name == zone) for name, end in ends.items()}
    )
