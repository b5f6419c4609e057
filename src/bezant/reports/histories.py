"""The pictures of a model of histories: how it learned, and how unlikely each record of a history was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bezant.reports.canvas import HEIGHT, WIDE, canvas, short
from bezant.reports.palette import EVENT, INK, LARGE, QUIET, RULE
from bezant.reports.parts import end_labels, mark_epoch
from bezant.schema.words import counted
from bezant.types import AnyArray, FloatArray, InputError


@dataclass(frozen=True, eq=False)
class SurpriseLine:
    """One history's records, and how unlikely each was.

    Attributes
    ----------
    name : str
    time : datetime64 array of shape (m,)
    surprise : float array of shape (m,)
        Nats.
    blame : tuple of m str
        The field that surprised most of each record.
    """

    name: str
    time: AnyArray
    surprise: FloatArray
    blame: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.time) == len(self.surprise) == len(self.blame) > 0:
            raise InputError(f"The records of history {self.name} need a surprise and a field each.")


def learning(epoch: Sequence[int], losses: Mapping[str, Sequence[float]], best: int) -> str:
    """Draw losses by epoch, each on a scale of its own, with the epoch whose weights were kept; returns SVG.

    Parameters
    ----------
    epoch : sequence of int, length e
    losses : mapping of str to sequence of float of length e
        One or two; NaN where a loss was not measured. The last is drawn strong.
    best : int
    """
    marker = "o" if len(epoch) == 1 else ""
    room = HEIGHT - 0.58
    with canvas("pretraining", "Losses by epoch") as picture:
        for place, (name, values) in enumerate(losses.items()):
            last = place == len(losses) - 1
            top = 0.1 + place * room / len(losses)
            bottom = 0.48 if last else HEIGHT - top - room / len(losses) + 0.16
            axes = picture.axes(left=0.66, right=0.85, top=top, bottom=bottom)
            color = LARGE if last else QUIET
            axes.plot(epoch, values, color=color, linewidth=2.2 if last else 1.4, marker=marker)
            axes.yaxis.get_major_locator().set_params(nbins=4)
            axes.xaxis.get_major_locator().set_params(integer=True)
            end_labels(axes, {name: (float(values[-1]), color, last)})
            axes.set(ylabel="loss", xlabel="epoch" if last else "")
            axes.tick_params(labelbottom=last)
            if place:
                axes.axvline(best, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
            else:
                mark_epoch(axes, best, float(epoch[0]), float(epoch[-1]))
    return picture.svg


def spread(surprise: FloatArray, unusual: float) -> str:
    """Draw how the surprise of records is spread, and from where on one counts as unusual; returns SVG.

    Parameters
    ----------
    surprise : float array of shape (m,)
        Nats.
    unusual : float
    """
    low, high = float(np.min(surprise)), float(np.quantile(surprise, 0.999))
    edges = np.linspace(low, max(high, low + 1e-6), 41)
    counts, _ = np.histogram(np.minimum(surprise, high), edges)
    with canvas("surprise-spread", "Distribution of the surprise of records") as picture:
        axes = picture.axes(left=0.62)
        axes.stairs(counts / len(surprise), edges, fill=True, color=LARGE, alpha=0.3)
        axes.stairs(counts / len(surprise), edges, color=LARGE, linewidth=1.4)
        axes.axvline(unusual, color=EVENT, linewidth=1.0, linestyle=(0, (3, 2)))
        axes.annotate(
            "unusual", (unusual, 1.0), (5, -4), xycoords=axes.get_xaxis_transform(),
            textcoords="offset points", color=EVENT, size=8.5, va="top",
        )  # fmt: skip
        axes.set(xlabel="surprise of a record, nats", ylabel="share of the records")
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    return picture.svg


def surprise_lines(lines: Sequence[SurpriseLine], unusual: float) -> str:
    """Draw histories, a row each, a stem a record as high as its surprise; returns SVG.

    Parameters
    ----------
    lines : sequence of SurpriseLine
    unusual : float
        From here on a record is drawn in red; the greatest of a history has its field named.
    """
    height = 0.75 + 0.72 * len(lines)
    words = f"Surprise of the records of {counted(len(lines), 'history', 'histories')}"
    with canvas("surprise-lines", words, width=WIDE, height=height) as picture:
        axes = picture.axes(left=1.15, right=0.9, top=0.3, bottom=0.35)
        parts = [(line.surprise.min(), line.surprise.max()) for line in lines]
        low, high = min(p[0] for p in parts), max(p[1] for p in parts)
        for row, line in enumerate(lines):
            _draw_history(axes, row + 0.35, line, 0.72 / max(high - low, 1e-9), low, unusual)
        axes.set_ylim(len(lines) - 0.5, -0.65)
        axes.set_yticks(range(len(lines)), [short(line.name, 13) for line in lines], color=INK)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        _dated(axes)
    return picture.svg


def _draw_history(
    axes: Any, base: float, line: SurpriseLine, scale: float, low: float, unusual: float
) -> None:
    time = np.asarray(line.time).astype("datetime64[s]")
    tops = base - scale * (line.surprise - low) - 0.03
    axes.axhline(base, color=RULE, linewidth=0.7, zorder=0)
    for chosen, color in ((line.surprise < unusual, QUIET), (line.surprise >= unusual, EVENT)):
        if chosen.any():
            axes.vlines(time[chosen], base, tops[chosen], color=color, linewidth=1.2)
            axes.plot(time[chosen], tops[chosen], "o", color=color, markersize=3.2, linestyle="none")
    most = int(np.argmax(line.surprise))
    axes.annotate(
        f"{line.surprise[most]:.1f}: {short(line.blame[most], 20)}", (time[most], tops[most]), (5, 3),
        textcoords="offset points", va="center", size=8, annotation_clip=False,
        color=EVENT if line.surprise[most] >= unusual else QUIET,
    )  # fmt: skip


def _dated(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
