"""A report page of any desk as one frozen value, and its way to one self-contained HTML file.

``python -m bezant.reports.page PAGE TITLE SVG`` takes one picture out of a page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

from bezant.artifacts import write_whole
from bezant.reports.environment import rendered
from bezant.reports.pictures import Drawn
from bezant.types import InputError

MOST_NOTES = 500
"""Notes that are printed."""

FIGURE = r"<figure[^>]*>\s*<figcaption><b>(.*?)</b>.*?</figcaption>\s*(<svg\b.*?</svg>)"
"""A picture of a page: its title, and its SVG."""


@dataclass(frozen=True)
class PageTable:
    """A table of texts.

    Attributes
    ----------
    heads : tuple of str
        Names of the columns; the first names the rows.
    rows : tuple of tuple of str
    prose : tuple of str, default ()
        Columns of sentences; the others, but the first, are of numbers and stand to the right.
    large : str, default ""
        Row of the large model, drawn strong.
    caption : str, default ""
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    prose: tuple[str, ...] = ()
    large: str = ""
    caption: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.heads) for row in self.rows):
            raise InputError(f"A row of the table has not the {len(self.heads)} cells of its head.")


@dataclass(frozen=True)
class Section:
    """One part of a page: pictures, then tables, under a heading; sentences say what is not shown, and why.

    Attributes
    ----------
    anchor, name : str
        In the address, and in the list of contents.
    lead : str, default ""
    pictures : tuple of Drawn
    tables : tuple of PageTable
    gaps : tuple of str
    """

    anchor: str
    name: str
    lead: str = ""
    pictures: tuple[Drawn, ...] = ()
    tables: tuple[PageTable, ...] = ()
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """Everything a page shows; the same page gives the same bytes.

    Attributes
    ----------
    title : str
    created : str
        Moment of the page in ISO form.
    verdict : str
        One sentence that says what was found.
    facts : mapping of str to str
    opening : tuple of Drawn
        Pictures under the verdict.
    sections : tuple of Section
    notes : tuple of str
    glossary : mapping of str to str
    """

    title: str
    created: str
    verdict: str
    facts: Mapping[str, str]
    opening: tuple[Drawn, ...] = ()
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    glossary: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise InputError("The page has an empty title; give it one.")
        try:
            datetime.fromisoformat(self.created)
        except ValueError as error:
            raise InputError(
                f"The page's moment {self.created!r} is not an ISO time; write it as 2025-01-31T12:00:00."
            ) from error

    @property
    def moment(self) -> str:
        """Return the moment as a reader writes it."""
        at = datetime.fromisoformat(self.created)
        return f"{at.day} {at:%B %Y, %H:%M}"


def now() -> str:
    """Return this moment in ISO form."""
    return datetime.now(UTC).replace(microsecond=0, tzinfo=None).isoformat()


def render_page(page: Page) -> str:
    """Return the page as HTML: no script, font, style or image from outside."""
    return rendered("page.html.j2", page=page, notes=_notes(page.notes))


def write_page(page: Page, path: str | Path) -> Path:
    """Write the page whole or not at all; missing folders are made, an older page is replaced."""
    write_whole(Path(path), render_page(page).encode("utf-8", errors="replace"))
    return Path(path)


def picture_of(page: str, title: str) -> str:
    """Return a picture of a page as an SVG file of its own, for slides or a text.

    Parameters
    ----------
    page : str
        The page, as :func:`render_page` gives it.
    title : str
        What stands above the picture.

    Raises
    ------
    InputError
        If the page has no picture of this title.
    """
    found: dict[str, str] = {unescape(name): svg for name, svg in re.findall(FIGURE, page, flags=re.S)}
    if title not in found:
        raise InputError(
            f"The page has no picture {title!r}; it has {', '.join(map(repr, found)) or 'none'}."
        )
    # In a page the letters are the page's; alone, a picture says itself what they look like.
    return found[title].replace("<svg", '<svg font-family="Helvetica, Arial, sans-serif"', 1) + "\n"


def _notes(notes: Sequence[str]) -> list[str]:
    several = list(dict.fromkeys(notes))
    more = len(several) - MOST_NOTES
    return several[:MOST_NOTES] + ([f"{more:,} further notes are left off."] if more > 0 else [])


def main(words: Sequence[str]) -> int:
    """Write a picture of a page to a file of its own; 2, and one sentence, where that cannot be.

    Parameters
    ----------
    words : three texts
        The page, what stands above the picture, and the SVG file to write.
    """
    try:
        if len(words) != 3:
            raise InputError("Give PAGE.html, the title of a picture and OUT.svg, in this order.")
        page, title, svg = words
        write_whole(Path(svg), picture_of(_text_of(page), title).encode())
    except (InputError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _text_of(page: str) -> str:
    try:
        return Path(page).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"The page {page!r} cannot be read ({error.strerror}); name one that is there."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"The page {page!r} is not UTF-8 text; name a page that bezant wrote.") from error


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
