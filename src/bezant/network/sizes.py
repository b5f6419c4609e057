"""How large a network is: one table, from a laptop to a cluster. Nothing else changes between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SizeName = Literal["tiny", "small", "base", "large", "xl"]


@dataclass(frozen=True)
class Size:
    """Widths and depths of a network.

    Attributes
    ----------
    width, depth : int
        Width and number of the trunk's blocks.
    members : int
        Number K of a TabM trunk's members.
    number_width, category_width : int
        Lengths of the vectors of a number and of a category.
    bins : int
        Most bins of a number's piecewise-linear embedding.
    """

    width: int
    depth: int
    members: int
    number_width: int
    category_width: int
    bins: int


SIZES: dict[str, Size] = {
    "tiny": Size(width=96, depth=2, members=4, number_width=8, category_width=8, bins=24),
    "small": Size(width=256, depth=2, members=8, number_width=8, category_width=8, bins=32),
    "base": Size(width=1536, depth=4, members=16, number_width=24, category_width=24, bins=48),
    "large": Size(width=4608, depth=6, members=16, number_width=32, category_width=32, bins=64),
    "xl": Size(width=12288, depth=8, members=16, number_width=64, category_width=64, bins=64),
}
"""On the SBA loans (18 columns, 24 pair statistics): 0.08, 0.2, 10, 117 million and 1.1 billion parameters.

A row of a table needs little: 1 million parameters made "small" four times slower on 100,000 loans."""
