"""What is tried when gradient boosted trees are tuned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bezant.types import InputError


@dataclass(frozen=True)
class BoostingConfiguration:
    """One point of the search; names and meanings are LightGBM's where it has them.

    Parameters
    ----------
    num_leaves, min_child_samples : int
        Size of a tree, and the fewest rows in one leaf.
    feature_fraction : float in (0, 1]
        Share of the columns each tree may use.
    lambda_l2, cat_smooth : float, not negative
        Shrinkage of leaf values, and of the ratios by which categories are ordered.
    min_category_rows : int or None
        A value of a high-cardinality column seen in fewer training rows than this counts as "rare";
        None leaves high-cardinality columns out. This and ``min_child_samples`` are lowered in tables of
        under 50,000 rows, to 0.2 % of the rows or 20.
    """

    num_leaves: int = 31
    min_child_samples: int = 100
    feature_fraction: float = 0.5
    lambda_l2: float = 1.0
    cat_smooth: float = 50.0
    min_category_rows: int | None = 100

    def __post_init__(self) -> None:
        if self.num_leaves < 2 or self.min_child_samples < 1 or not 0 < self.feature_fraction <= 1:
            raise InputError(f"{self} cannot be trained; a tree needs two leaves, rows and columns.")

    def __str__(self) -> str:
        rare = self.min_category_rows
        kept = "high-cardinality columns left out" if rare is None else f"values of under {rare} rows as rare"
        return (
            f"num_leaves={self.num_leaves}, min_child_samples={self.min_child_samples}, "
            f"feature_fraction={self.feature_fraction}, lambda_l2={self.lambda_l2}, "
            f"cat_smooth={self.cat_smooth}, {kept}"
        )

    def rare_under(self, rows: int) -> int | None:
        """Return the training rows below which a value is rare in a table of so many rows."""
        return None if self.min_category_rows is None else min(self.min_category_rows, _fewest(rows))

    def parameters(self, rows: int) -> dict[str, Any]:
        """Return what LightGBM is told for a table of so many training rows."""
        fewest = _fewest(rows)
        return {
            "num_leaves": self.num_leaves,
            "min_child_samples": min(self.min_child_samples, fewest),
            "min_data_per_group": min(100, fewest),  # 100 is LightGBM's default
            "feature_fraction": self.feature_fraction,
            "lambda_l2": self.lambda_l2,
            "cat_smooth": self.cat_smooth,
        }


LIBRARY_DEFAULTS = BoostingConfiguration(
    num_leaves=31,
    min_child_samples=20,
    feature_fraction=1.0,
    lambda_l2=0.0,
    cat_smooth=10.0,
    min_category_rows=1,
)
"""LightGBM as it comes: all columns, no shrinkage, every category by its own name."""

SEARCH = (
    BoostingConfiguration(),
    BoostingConfiguration(num_leaves=7),
    BoostingConfiguration(num_leaves=15),
    BoostingConfiguration(num_leaves=63, lambda_l2=5.0),
    LIBRARY_DEFAULTS,
    BoostingConfiguration(min_category_rows=30),
    BoostingConfiguration(min_category_rows=None),
)
"""Tried by default: smaller and larger trees, the library's defaults, more and no high-cardinality values."""


def _fewest(rows: int) -> int:
    """Rows that a leaf or a category needs at most.

    In 50,000 rows and more the configuration's own 100 stands. In smaller tables 100 rows are so large a
    share that banks and places would all be rare: 0.2 % there, but not under 20, LightGBM's own default,
    nor under 2 % of a table so small that its trees could not split.
    """
    return max(min(20, max(5, rows // 50)), rows // 500)
