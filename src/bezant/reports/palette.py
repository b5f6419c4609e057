"""Every colour that means something, once: for the pictures, and for the style of the pages around them."""

from __future__ import annotations

from collections.abc import Mapping

LARGE = "#0b559f"
"""Colour of the large model, and of nothing else."""

LARGE_LIGHT = "#d3e2f1"
"""The other end of a scale that ends in the large model's colour."""

PEERS = ("#c9711a", "#59636e", "#2f8f83", "#9467a8", "#a38a2c", "#8d97a1", "#b4537f", "#5f7a1f")
"""Colours of the traditional models, told apart by lightness and dashes too (colour-blind-safe)."""

INK, QUIET, RULE, AXIS = "#1c2329", "#66717c", "#d6dbe0", "#9aa4ad"
"""Text; secondary text; hairlines; axes."""

EVENT = "#a83232"
"""Rows that defaulted, and whatever else one would rather not see: worse, stormy, red."""

GOOD, WARNED = "#17756b", "#96560a"
"""Better, calm, green; and between it and :data:`EVENT`. Dark enough for text, apart to the colour-blind."""

PAGE: Mapping[str, str] = {
    "ink": INK,
    "quiet": QUIET,
    "rule": RULE,
    "axis": AXIS,
    "large": LARGE,
    "event": EVENT,
    "good": GOOD,
    "warned": WARNED,
}
"""By the name that the pages' style has for them."""
