"""Words that sentences, tables and pictures of markets share."""

from __future__ import annotations


def bars_in_words(count: int) -> str:
    """Return a number of bars as it is read: "1 bar", "5 bars"."""
    return "1 bar" if count == 1 else f"{count} bars"


def signed(value: float, spec: str) -> str:
    """Return a number with its sign, or without one where no digit of it is left: "+1.2%", "0.0%".

    Parameters
    ----------
    value : float
    spec : str
        How it is written, such as ".1%".
    """
    text = f"{value:+{spec}}"
    return text if any(digit in text for digit in "123456789") else text.lstrip("+-")
