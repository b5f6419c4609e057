"""The picture of cost against rows: processor time and memory, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bezant.reports.canvas import HEIGHT, WIDTH, canvas, line_styles
from bezant.reports.palette import QUIET

_FONT = 'style="background:#fff" ' + 'font-family="DejaVu Sans, Verdana, Arial, sans-serif" '


@dataclass(frozen=True)
class CostPoint:
    """What one fit cost: ``seconds`` of processor time and ``megabytes`` at the peak."""

    model: str
    rows: int
    seconds: float
    megabytes: float


def _whole(value: float, _: object) -> str:
    """Write 10000000 as 10M: matplotlib's powers of ten need a font with exponents."""
    for unit, sign in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{sign}"
    return f"{value:g}"


def cost_picture(points: Sequence[CostPoint]) -> str:
    """Draw time and memory of each model against rows; returns a stand-alone SVG.

    Parameters
    ----------
    points : sequence of CostPoint
        The large model's first.
    """
    models = list(dict.fromkeys(p.model for p in points))
    styles = line_styles(models, models[0])
    with canvas("cost", "CPU seconds and peak memory of a fit against rows", width=2 * WIDTH) as picture:
        for place, (what, label) in enumerate((("seconds", "CPU seconds"), ("megabytes", "peak memory, MB"))):
            axes = picture.figure.add_axes((0.07 + 0.5 * place, 0.15, 0.41, 0.74))
            for model in models:
                own = sorted((p for p in points if p.model == model), key=lambda p: p.rows)
                x, y = [p.rows for p in own], [getattr(p, what) for p in own]
                axes.plot(x, y, marker="o", markersize=4, label=model, **styles[model].line())
            axes.set_xscale("log")
            axes.set_yscale("log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(_whole)
                axis.set_minor_formatter("")
            axes.set_xlabel("rows")
            axes.set_title(label, size=9, color=QUIET, loc="left")
            axes.grid(True, which="major", linewidth=0.5, alpha=0.4)
            axes.legend(frameon=False, loc="upper left", fontsize=8.5)
            if what == "megabytes":
                axes.set_ylim(100, 30_000)
    size = f'width="{2 * WIDTH * 72:.0f}" height="{HEIGHT * 72:.0f}" '
    return picture.svg.replace("<svg ", "<svg " + size + _FONT, 1)
