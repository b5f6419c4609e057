"""Words that sentences, tables and pictures of markets share."""

from __future__ import annotations


def bars_in_words(count: int) -> str:
    """Return a number of bars as it is read: "1 bar", "5 bars"."""
    return "1 bar" if count == 1 else f"{count} bars"
