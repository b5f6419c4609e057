"""One palette: a colour is written once, and one thing has one colour on all of a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bezant.reports
from bezant.reports.environment import rendered
from bezant.reports.palette import PAGE, PEERS

FOLDER = Path(bezant.reports.__file__).parent
COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")


def test_no_picture_has_a_colour_of_its_own() -> None:
    named = {p.name: COLOR.findall(p.read_text(encoding="utf-8")) for p in FOLDER.glob("*.py")}
    assert [name for name, found in named.items() if found] == ["palette.py"]


def test_the_style_of_pages_repeats_no_colour_of_the_palette() -> None:
    written = {c for p in (FOLDER / "templates").iterdir() for c in COLOR.findall(p.read_text("utf-8"))}
    assert not written & {*PAGE.values(), *PEERS}


def test_the_style_of_pages_takes_its_colours_from_the_palette() -> None:
    style = rendered("style.css.j2")
    for name, color in PAGE.items():
        assert f"--{name}: {color};" in style
    templates = "".join(p.read_text("utf-8") for p in (FOLDER / "templates").iterdir())
    used = set(re.findall(r"var\(--([a-z]+)\)", templates))
    assert used <= {*PAGE, *re.findall(r"--([a-z]+):", style)}


@pytest.mark.parametrize("color", [PAGE["good"], PAGE["warned"], PAGE["event"], PAGE["large"], PAGE["quiet"]])
def test_colours_of_text_can_be_read_on_white(color: str) -> None:
    """The contrast of WCAG 2.1, 1.4.3: at least 4.5."""
    shares = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    luminance = sum(weight * s for weight, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert 1.05 / (luminance + 0.05) >= 4.5
