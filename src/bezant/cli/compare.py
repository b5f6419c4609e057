"""``bezant compare-optimizers``: the same network under every optimizer, drawn in one picture."""

from __future__ import annotations

EXAMPLE = "Example: bezant compare-optimizers sba-sample --out optimizers.svg"


def compare() -> None:
    """Train the same network under each optimizer with a small budget and recommend one."""
