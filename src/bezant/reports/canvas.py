"""The look of every picture, and its way into the page: a matplotlib figure as clean inline SVG.

Text stays text (the page's own font, selectable, small); ids are unique in the page because each
picture has its own hash salt; nothing in the SVG depends on the clock or the machine.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from bezant.reports.palette import AXIS, INK, LARGE, PEERS, QUIET

DASHES: tuple[Any, ...] = (
    "-", (0, (5, 1.6)), (0, (1.4, 1.4)), (0, (5, 1.4, 1.2, 1.4)), (0, (2.6, 1.2)), "-", (0, (8, 1.6)),
    (0, (2.6, 1.2, 1.2, 1.2)),
)  # fmt: skip
"""Line styles of the traditional models, in the order of :data:`PEERS`."""

WIDTH, HEIGHT = 4.9, 3.55
"""Inches; two stand side by side on a wide page, one fills a narrow one."""

WIDE = 2 * WIDTH + 0.2
"""Inches of a picture that runs across the whole page, as a series over years needs."""

_STYLE: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a column may be called "$x$"
    "font.family": "DejaVu Sans",  # wider than what the page uses, so nothing that fits here overlaps there
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": AXIS,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.color": AXIS,
    "ytick.color": AXIS,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "path.simplify": True,
}


@dataclass(frozen=True)
class LineStyle:
    """How one model is drawn everywhere: colour, line width in points, dashes, drawing order, emphasis."""

    color: str
    linewidth: float
    linestyle: Any
    zorder: float
    strong: bool = False

    @property
    def weight(self) -> str:
        """Weight of the font of the model's name."""
        return "bold" if self.strong else "normal"

    def line(self) -> dict[str, Any]:
        """Return the style as keyword arguments of ``Axes.plot``."""
        return {
            "color": self.color,
            "linewidth": self.linewidth,
            "linestyle": self.linestyle,
            "zorder": self.zorder,
        }


def line_styles(models: Sequence[str], large: str) -> dict[str, LineStyle]:
    """Give each model its style: the large one strong, the others quiet, always in the same order."""
    styles = {large: LineStyle(LARGE, 2.2, "-", 5.0, strong=True)}
    for i, model in enumerate(name for name in models if name != large):
        # Where the colours begin anew, the dashes are others.
        dashes = DASHES[(i + i // len(PEERS)) % len(DASHES)]
        styles[model] = LineStyle(PEERS[i % len(PEERS)], 1.2, dashes, 4.0 - 0.1 * i)
    return styles


def strong_model(styles: Mapping[str, LineStyle]) -> str:
    """Return the name of the model that is drawn strong: the large one."""
    return next(model for model, style in styles.items() if style.strong)


@dataclass
class Canvas:
    """A picture in the making; :attr:`svg` is filled when its ``with`` block ends."""

    figure: Any
    svg: str = field(default="")

    def axes(self, left: float = 0.52, bottom: float = 0.48, right: float = 0.12, top: float = 0.1) -> Any:
        """Add axes with the given margins in inches, so that neighbours in the page line up."""
        width, height = self.figure.get_size_inches()
        box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
        return self.figure.add_axes(box)


@contextmanager
def canvas(name: str, description: str, *, width: float = WIDTH, height: float = HEIGHT) -> Iterator[Canvas]:
    """Open a picture in the house style.

    Parameters
    ----------
    name : str
        Unique in the page; the salt of the picture's ids.
    description : str
        What the picture shows, for those who cannot see it.
    width, height : float
        Inches.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # The page's fonts draw what matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph")
        opened = Canvas(Figure(figsize=(width, height)))
        opened.figure.patch.set_visible(False)
        yield opened
        stream = io.BytesIO()
        no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        opened.figure.savefig(stream, format="svg", metadata=no_metadata, transparent=True)
        opened.svg = _clean(stream.getvalue().decode("utf-8"), description)


def _clean(svg: str, description: str) -> str:
    """Leave of a stand-alone SVG file what belongs into a page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.S)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, count=1, flags=re.S)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    referenced = frozenset(re.findall(r"(?:url\(#|xlink:href=\"#)([\w.-]+)", svg))
    svg = re.sub(r"<[^>]*>", lambda tag: _clean_tag(tag[0], referenced), svg)  # never the text between tags
    label = escape(description, {'"': "&quot;"})
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    return re.sub(r"\s*\n\s*", "\n", svg).strip()


def _clean_tag(tag: str, referenced: frozenset[str]) -> str:
    """Drop font families, ids that nothing refers to, and digits finer than any screen or printer."""
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in referenced else "", tag)
    return re.sub(r"(\d\.\d\d)\d+", r"\1", tag)


def short(name: str, most: int = 28) -> str:
    """Return a name on one line and of at most the given number of characters."""
    name = " ".join("".join(sign if sign.isprintable() else " " for sign in name).split())
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"
