"""Random splits: with the same classes on both sides, or with no entity on both."""

from __future__ import annotations

from typing import Any

import numpy as np

from bezant.splits.reading import ranked
from bezant.splits.split import Split, parts, sound_fraction
from bezant.types import InputError


def stratified(y: Any, fraction: float, random_state: int | None = None) -> Split:
    """Return a random split in which each class has the same share of test rows.

    Rows of the same period land on both sides, so figures on it flatter a model that will be used
    later in time; use :func:`out_of_time` where there is a time.

    Parameters
    ----------
    y : array or series, shape (n,)
        Outcomes: 0/1 or any classes.
    fraction : float
        Share of test rows, in (0, 1); each class keeps at least one row on either side.
    random_state : int, optional
        Seed; the same seed gives the same split.

    Raises
    ------
    InputError
        If an outcome is missing or a class has one row only.
    """
    codes, distinct = ranked(y, "y")
    counts = np.bincount(codes, minlength=len(distinct))
    if counts.min() < 2:
        raise InputError(
            f"The class {distinct[int(counts.argmin())]!r} has 1 of {len(codes)} rows, too few for two "
            "parts; leave it out or join it with another class."
        )
    held = np.clip(np.rint(counts * sound_fraction(fraction)).astype(np.int64), 1, counts - 1)
    order = np.random.default_rng(random_state).permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]  # shuffled within each class
    place = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    later = np.zeros(len(codes), dtype=bool)
    later[order[place < np.repeat(held, counts)]] = True
    return parts(later)


def by_entity(entities: Any, fraction: float, random_state: int | None = None) -> Split:
    """Return a random split in which all rows of one entity are on the same side.

    Parameters
    ----------
    entities : array or series, shape (n,)
        The customer, borrower or asset of each row. Which of them are held out does not depend on the
        order of the rows.
    fraction : float
        Share of the *entities*, in (0, 1), that are held out; at least one stays on either side.
    random_state : int, optional
        Seed; the same seed gives the same split.

    Raises
    ------
    InputError
        If an entity is missing or there is only one.
    """
    codes, distinct = ranked(entities, "entities")
    if len(distinct) < 2:
        raise InputError(
            f"All {len(codes)} rows belong to {distinct[0]!r}; two entities are needed for a split."
        )
    held = min(max(1, round(sound_fraction(fraction) * len(distinct))), len(distinct) - 1)
    outside = np.zeros(len(distinct), dtype=bool)
    outside[np.random.default_rng(random_state).permutation(len(distinct))[:held]] = True
    return parts(outside[codes])
