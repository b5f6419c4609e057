"""What a ProductRecommender refuses before it learns, and says of those of whom little is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from bezant.desks.customers.events import CustomerEvents
from bezant.desks.estimators.settings import seed_of
from bezant.network.sizes import SIZES
from bezant.types import BoolArray, InputError


def refuse_unknown_settings(model: Any) -> None:
    """Say in one sentence what a setting of a ProductRecommender may be, before any work."""
    if model.size not in SIZES:
        raise InputError(f"size is one of {', '.join(map(repr, SIZES))}, not {model.size!r}.")
    if model.backbone not in ("transformer", "cnn", "rnn"):
        raise InputError(f"backbone is 'transformer', 'cnn' or 'rnn', not {model.backbone!r}.")
    if not isinstance(model.benchmark, bool) and model.benchmark != "full":
        raise InputError(f"benchmark is True, False or 'full', not {model.benchmark!r}.")
    for name in ("window", "members"):
        given = getattr(model, name)
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise InputError(f"{name} is a whole number from 1 on, not {given!r}.")
    seed_of(model)


def cold_notes(data: CustomerEvents, taken: BoolArray) -> list[str]:
    """Return what is to be said of products and customers without events.

    Parameters
    ----------
    data : CustomerEvents
    taken : bool array of shape (p,)
        Which products somebody has taken.
    """
    notes = []
    cold, empty = int((~taken).sum()), int((np.diff(data.events.offsets) == 0).sum())
    if cold:
        notes.append(
            f"{cold:,} of {len(taken):,} products {'has' if cold == 1 else 'have'} no event: the score is "
            "the mean of the most similar others by attributes."
        )
    if empty:
        notes.append(
            f"{empty} of {len(data)} customers "
            f"{'has no event and is' if empty == 1 else 'have no event and are'} judged by profile."
        )
    notes.append(
        "Customers who are not known, or have neither events nor a profile, are recommended what most "
        "customers took; the column 'basis' says so."
    )
    return notes
