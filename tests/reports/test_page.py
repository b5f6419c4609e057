"""A page of any desk: whole, self-contained, safe against what its texts hold."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import Markup

from bezant.reports.page import (
    MOST_NOTES,
    Page,
    PageTable,
    Section,
    main,
    picture_of,
    render_page,
    write_page,
)
from bezant.reports.pictures import Drawn
from bezant.types import InputError

HOSTILE = "<script>alert(1)</script>&{{ 7 * 7 }}"
VOID = {"meta", "link", "br", "hr", "img", "input", "col"}


class Nested(HTMLParser):
    """Fails where a tag closes another."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.met.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page(**more) -> Page:
    drawn = Drawn("A picture", "What it says.", Markup("<svg></svg>"), wide=True)
    table = PageTable(
        ("Model", "AUC", "Words"), (("bezant", "0.9", "a"), ("x", "0.8", "b")), ("Words",), "bezant", "Note."
    )
    usual = {
        "title": "A desk",
        "created": "2026-01-31T12:00:00",
        "verdict": "It is so.",
        "facts": {"Rows": "12"},
        "opening": (drawn,),
        "sections": (Section("one", "One", "Lead.", (drawn,), (table,), ("Not shown.",)),),
        "notes": ("A note.", "A note."),
        "glossary": {"AUC": "An area."},
    }
    return Page(**{**usual, **more})


def test_a_page_is_well_nested_and_holds_everything():
    text = render_page(page())
    met = Nested(text).met
    assert met.count("svg") == 2 and "script" not in met
    for said in (
        "31 January 2026, 12:00",
        "It is so.",
        "Lead.",
        "Not shown.",
        "Note.",
        "An area.",
        'class="wide"',
    ):
        assert said in text
    assert text.count("A note.") == 1
    assert '<tr class="large"><th scope="row">bezant' in text
    assert '<td class="prose">a</td>' in text


def test_texts_are_escaped():
    table = PageTable((HOSTILE,), ((HOSTILE,),))
    drawn = Drawn(HOSTILE, HOSTILE, Markup("<svg></svg>"))
    text = render_page(
        page(
            title=HOSTILE,
            verdict=HOSTILE,
            facts={HOSTILE: HOSTILE},
            sections=(Section("one", HOSTILE, HOSTILE, (drawn,), (table,), (HOSTILE,)),),
            notes=(HOSTILE,),
            glossary={HOSTILE: HOSTILE},
        )
    )
    assert "script" not in Nested(text).met
    assert text.count("{{ 7 * 7 }}") >= 12


def test_parts_that_are_not_there_leave_no_heading():
    text = render_page(page(notes=(), glossary={}, opening=()))
    assert "Glossary" not in text and "Notes" not in text
    Nested(text)


def test_notes_beyond_the_most_are_counted():
    text = render_page(page(notes=tuple(f"Note {i}." for i in range(MOST_NOTES + 3))))
    assert "3 further notes are left off." in text


def test_a_page_is_written_into_folders_that_are_made(tmp_path: Path):
    path = write_page(page(), tmp_path / "a" / "page.html")
    assert path.read_text(encoding="utf-8") == render_page(page())


def test_a_page_refuses_what_it_cannot_print():
    with pytest.raises(InputError, match="empty title"):
        page(title=" ")
    with pytest.raises(InputError, match="not an ISO time"):
        page(created="yesterday")
    with pytest.raises(InputError, match="3 cells"):
        PageTable(("a", "b", "c"), (("1", "2"),))


def test_a_picture_is_taken_out_of_a_page():
    drawn = Drawn("Who's next", "Says.", Markup('<svg viewBox="0 0 1 1"><path/></svg>'))
    text = render_page(page(opening=(drawn,)))
    svg = picture_of(text, "Who's next")
    assert svg.startswith("<svg ") and 'viewBox="0 0 1 1"><path/></svg>' in svg
    with pytest.raises(InputError, match=r"no picture 'Nothing'; it has .*'A picture'"):
        picture_of(text, "Nothing")


def test_a_picture_is_written_by_a_command_that_says_in_one_sentence_why_not(tmp_path: Path, capsys):
    written, svg = str(write_page(page(), tmp_path / "page.html")), tmp_path / "one.svg"
    assert main([written, "A picture", str(svg)]) == 0
    assert svg.read_text(encoding="utf-8").startswith("<svg ")
    svg.unlink()
    (tmp_path / "other.bin").write_bytes(b"\xff\xfe\x00")
    for words, said in (
        (["no.html", "A picture", str(svg)], "The page 'no.html' cannot be read"),
        ([str(tmp_path / "other.bin"), "A picture", str(svg)], "is not UTF-8 text"),
        ([written, "Nothing", str(svg)], "The page has no picture 'Nothing'; it has 'A picture'"),
        ([written, "A picture", str(tmp_path)], "folder"),
        ([], "Give PAGE.html, the title of a picture and OUT.svg"),
    ):
        assert main(words) == 2
        found = capsys.readouterr()
        assert said in found.err and found.err.count("\n") == 1 and not found.out
    assert not svg.exists()
