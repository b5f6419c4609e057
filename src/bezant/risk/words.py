"""What assets are called where nobody said so, and amounts as they are read in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from bezant.schema.words import counted
from bezant.types import InputError

__all__ = ["amount", "asset_names", "counted"]


def asset_names(assets: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Return the names of the assets, "asset 1", "asset 2" and so on if none are given.

    Raises
    ------
    InputError
        If there are not as many different names as assets.
    """
    names = tuple(assets) if assets is not None else tuple(f"asset {i + 1}" for i in range(count))
    if len(names) != count or len(set(names)) != count:
        need = "needs" if count == 1 else "need"
        raise InputError(
            f"{counted(count, 'asset')} {need} {counted(count, 'different name')}, not {len(set(names))}; "
            "name each."
        )
    return names


def amount(value: float) -> str:
    """Return an amount as text: whole from 100 on, else with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:z.3g}"
