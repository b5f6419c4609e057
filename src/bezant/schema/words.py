"""Column names and numbers in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bezant.types import InputError


def listed(names: Iterable[str], most: int = 12) -> str:
    """Return quoted names, the first ones if there are many."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(n) for n in names[:most]) + more


def brief(value: object) -> str:
    """Return how a value is written, its beginning if that is long."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def columns_named(names: list[str]) -> str:
    """Return "Column 'a'" or "Columns 'a', 'b'"."""
    return f"Column{'s' if len(names) > 1 else ''} {listed(names)}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return how many there are of a thing: "1 position", "2 positions", "3 histories"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def are(names: list[str]) -> str:
    """Return the verb for so many names."""
    return "are" if len(names) > 1 else "is"


def them(names: list[str]) -> str:
    """Return the pronoun for so many names."""
    return "them" if len(names) > 1 else "it"


def refuse_duplicate_names(names: Iterable[str]) -> None:
    """Raise an :class:`InputError` if a column name stands more than once."""
    twice = sorted(n for n, times in Counter(names).items() if times > 1)
    if twice:
        raise InputError(
            f"{columns_named(twice)} {'stands' if len(twice) == 1 else 'stand'} more than once in the table; "
            "rename or drop the copies."
        )


def unknown_column(name: str, names: Iterable[str], where: str = "", mend: str = "") -> InputError:
    """Return the error for a column that does not exist (in "the rows", say), with the nearest names.

    What else may be done, such as "name another by --time", follows.
    """
    names = list(names)
    near = nearest(name, names)
    place = f" in {where}" if where else ""
    text = f"There is no column {name!r}{place}; "
    if near:
        text += f"did you mean {near!r}?" + (f" {mend[0].upper()}{mend[1:]}." if mend else "")
    else:
        text += f"the columns are {listed(names)}{f'; {mend}' if mend else ''}."
    return InputError(text)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that was probably meant, or None."""
    import difflib

    folded = {n.lower(): n for n in names}
    near = difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.6)
    return folded[near[0]] if near else None
