from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bezant.evidence.checks import Finding as CheckFinding
from bezant.evidence.evaluation import FIGURES, Evaluation
from bezant.reports import ColumnSummary, DataSummary, Finding, Severity, render, write
from bezant.reports.html import CONTENTS, MOST_COLUMNS
from bezant.reports.pictures import NO_PERIODS, NO_SCORES
from bezant.reports.tables import DECIMALS, USUAL_DECIMALS

VOID = {"meta", "link", "br", "hr", "img", "input", "col"}
HOSTILE = "<script>alert('$x^')</script>\"&{{ 7 * 7 }}"


class Page(HTMLParser):
    """Reads a page, keeps what it met, and fails where a tag closes another."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.cells: dict[tuple[str, str], list[str]] = {}
        self.texts: list[str] = []
        self._cell: tuple[str, str] | None = None
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        found = dict(attrs)
        if "data-figure" in found:
            self._cell = (found["data-model"], found["data-figure"])

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else at {self.getpos()}"
        if tag == "td":
            self._cell = None

    def handle_data(self, data):
        self.texts.append(data)
        if self._cell and data.strip():
            self.cells.setdefault(self._cell, []).append(data.strip())


@pytest.fixture(scope="module")
def page_text(content) -> str:
    return render(content)


@pytest.fixture(scope="module")
def independent():
    path = Path(__file__).parents[1] / "independent.py"
    spec = importlib.util.spec_from_file_location("independent_for_reports", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tags_are_well_nested_and_ids_are_unique(page_text):
    page = Page(page_text)
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    referenced = re.findall(r'(?:url\(#|href="#)([\w.-]+)', page_text)
    assert set(referenced) <= set(ids)


def test_nothing_is_fetched_from_outside(page_text):
    page = Page(page_text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "image"} & set(page.tags)
    addresses = [v for _, name, v in page.attributes if name in ("src", "href", "xlink:href", "srcset")]
    assert all(address.startswith("#") for address in addresses)
    outside = {name for _, name, value in page.attributes if re.search(r"https?://", value)}
    assert outside <= {"xmlns", "xmlns:xlink"}
    style = page_text.split("<style>")[1].split("</style>")[0]
    assert "@import" not in style
    assert "url(" not in style
    assert not re.search(r"https?://", style)


def test_the_report_opens_on_the_verdict_and_four_pictures(page_text, content):
    opening = page_text[: page_text.index("<nav")]
    assert content.evaluation.verdict in opening
    assert opening.count("<svg") == 4
    assert opening.index(content.evaluation.verdict) < opening.index("<svg")


def test_every_section_of_the_contents_is_there(page_text):
    for anchor, name in CONTENTS:
        assert f'<section id="{anchor}">' in page_text
        assert f'<a href="#{anchor}">{name}</a>' in page_text


def test_every_figure_of_the_comparison_equals_an_independent_one(content_of, independent):
    content = content_of(700)
    y, cells = content.evaluation.y.tolist(), Page(render(content)).cells
    slow = {figure: getattr(independent, f"slow_{figure}", None) for figure in FIGURES}
    slow["roc_auc"] = independent.slow_auc
    assert len(cells) == len(content.evaluation.scores) * len(FIGURES)
    for model, p in content.evaluation.scores.items():
        for figure in FIGURES:
            printed = cells[model, figure][0].replace("−", "-")
            half_a_digit = 0.5 * 10 ** -DECIMALS.get(figure, USUAL_DECIMALS)
            assert float(printed) == pytest.approx(slow[figure](y, p.tolist()), abs=1.01 * half_a_digit)


def test_printed_intervals_are_those_of_the_evaluation(content, page_text):
    cells = Page(page_text).cells
    for model, figures in content.evaluation.figures.items():
        low, high = re.split("–| to ", cells[model, "roc_auc"][1])
        assert float(low) == pytest.approx(figures["roc_auc"].low, abs=5.1e-4)
        assert float(high) == pytest.approx(figures["roc_auc"].high, abs=5.1e-4)


def test_a_million_rows_stay_under_two_megabytes(content_of, content):
    rows, rng = 1_000_000, np.random.default_rng(1)
    p = rng.random(rows)
    y = (rng.random(rows) < p).astype(np.int8)
    scores = {model: np.clip(p + rng.normal(0, 0.1, rows), 0, 1) for model in content.evaluation.scores}
    evaluation = replace(content.evaluation, y=y, scores=scores)
    text = render(replace(content, evaluation=evaluation, times=None))
    assert "1,000,000 rows" in text
    assert len(text.encode()) < 1_000_000


def test_very_many_columns_groups_and_sentences_are_capped_and_said(content):
    columns = tuple(ColumnSummary(f"column {i}", "number", "input", 0.0, 2) for i in range(5_000))
    row = content.evaluation.by_segment.slice(0, 1).to_pylist()[0]
    many = pa.Table.from_pylist(
        [{**row, "group": f"group {i}"} for i in range(3_000)], schema=content.evaluation.by_segment.schema
    )
    text = render(
        replace(
            content,
            data=DataSummary(10, 2, None, columns),
            notes=tuple(f"Note {i}." for i in range(9_000)),
            evaluation=replace(content.evaluation, by_segment=many),
        )
    )
    assert f"{5_000 - MOST_COLUMNS:,} more columns are not shown." in text
    assert "2,960 more groups are not listed here" in text
    assert "more notes are not shown." in text
    assert len(text.encode()) < 1_000_000


def test_hostile_names_are_text_everywhere(content_of):
    content = content_of(400)
    old = content.evaluation
    names = {model: f"{model} {HOSTILE}" for model in old.figures}
    table = old.by_segment
    for name in ("model", "group_by", "group"):
        at = table.schema.get_field_index(name)
        changed = [names.get(value, HOSTILE) for value in table[name].to_pylist()]
        table = table.set_column(at, name, pa.array(changed))
    evaluation = replace(
        old,
        large=names[old.large],
        figures={names[m]: f for m, f in old.figures.items()},
        scores={names[m]: p for m, p in old.scores.items()},
        by_segment=table,
        verdict=HOSTILE,
        notes=(HOSTILE,),
        comparisons=tuple(
            replace(c, model=names[c.model], against=names[c.against], test=HOSTILE) for c in old.comparisons
        ),
    )
    importance = content.importance.set_column(
        0, "column", pa.array([HOSTILE, "a\nb\x07c", "漢字", "$\\frac{"])
    )
    columns = (ColumnSummary(HOSTILE, HOSTILE, HOSTILE, 0.1, 3, HOSTILE),)
    text = render(
        replace(
            content, title=HOSTILE, evaluation=evaluation, importance=importance, notes=(HOSTILE,),
            data=DataSummary(10, 2, None, columns), configuration={HOSTILE: {HOSTILE: HOSTILE}},
        )
    )  # fmt: skip
    page = Page(text)
    assert "script" not in page.tags
    assert any("{{ 7 * 7 }}" in t for t in page.texts)
    assert "<script" not in text
    assert sum("<script>alert('$x^')</script>" in t for t in page.texts) >= 10


def test_without_times_the_report_says_that_nothing_is_shown_by_period(content):
    evaluation = replace(content.evaluation, by_period=content.evaluation.by_period.slice(0, 0))
    text = render(replace(content, evaluation=evaluation, times=None))
    Page(text)
    assert text.count(NO_PERIODS) == 2
    assert "Default rate by period" not in text
    assert text[: text.index("<nav")].count("<svg") == 3


def test_an_evaluation_read_back_without_scores_still_gives_a_report(content, page_text):
    evaluation = Evaluation.from_json(content.evaluation.to_json())
    text = render(replace(content, evaluation=evaluation, times=None))
    Page(text)
    assert NO_SCORES in text
    assert Page(text).cells == Page(page_text).cells


def test_one_outcome_only_draws_no_ranking(content):
    old = content.evaluation
    text = render(replace(content, evaluation=replace(old, y=np.zeros(old.rows, dtype=np.int8))))
    assert "The test rows hold one outcome only" in text
    Page(text)


def test_a_lone_model_and_absent_parts_give_a_report(content):
    old = content.evaluation
    alone = replace(
        old,
        figures={old.large: old.figures[old.large]},
        scores={old.large: old.scores[old.large]},
        comparisons=(),
        by_segment=old.by_segment.slice(0, 0),
    )
    text = render(
        replace(
            content, evaluation=alone, importance=None, learning=None, calibration=None, findings=(), notes=()
        )
    )
    Page(text)
    assert "No learning curve was recorded." in text
    assert "No segments were given" in text
    assert 'class="best">0' not in text.split('id="comparison-table"')[1].split("</table>")[0]


def test_the_same_content_gives_the_same_bytes(content, page_text):
    assert render(content) == page_text


def test_a_note_that_the_evaluation_made_too_is_printed_once(content):
    note = content.evaluation.notes[0]
    text = render(replace(content, notes=(note, *content.notes)))
    assert text.count(note) == 1


def test_problems_come_before_notes(page_text):
    assert page_text.index("ChgOffDate") < page_text.index("has many values")


def test_findings_of_the_checks_are_shown_word_for_word_with_their_gravity(content):
    found = CheckFinding("identifier", "warn", ("LoanNr",), "Column 'LoanNr' numbers the rows.", {})
    shown = Finding(Severity(found.severity), found.sentence)
    text = render(replace(content, findings=(shown,)))
    assert '<span class="severity">Warning</span>' in text
    assert "Column &#39;LoanNr&#39; numbers the rows." in text


def test_writing_leaves_the_old_report_where_the_new_one_fails(content, page_text, tmp_path, monkeypatch):
    path = tmp_path / "deep" / "report.html"
    assert write(content, path) == path
    before = path.read_bytes()
    assert before.decode() == page_text

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr("bezant.reports.html.render", lambda _: "another report")
    with pytest.raises(OSError, match="No space left"):
        write(content, path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_a_model_trained_again_on_all_rows_is_not_said_to_be_the_one_that_was_judged(content, page_text):
    assert "Epoch 5 of 8 was best on the held-out rows and was kept." in page_text
    assert "trained again" not in page_text
    again = render(replace(content, learning=replace(content.learning, refit_rows=100_000)))
    assert "the delivered model was then trained again for 5 epochs on all 100,000 rows." in again
    assert "with the first network" in again
    assert "the chosen map, beta, is applied to the network trained on all rows." in again
    for text in (page_text, again):
        assert "Held-out: log loss after recalibration (best shift and slope)." in text
