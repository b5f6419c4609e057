from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.evidence.evaluation import Comparison, Estimate
from bezant.reports.tables import (
    comparison_table,
    group_tables,
    in_a_sentence,
    interval,
    listed,
    number,
    outcome,
    percent,
    significance_rows,
    tally,
)


def test_numbers_have_their_digits_a_true_minus_and_a_dash_for_none():
    assert number(0.74849, "roc_auc") == "0.748"
    assert number(0.41204, "log_loss") == "0.4120"
    assert number(-0.25, "calibration_intercept") == "−0.25"
    assert number(math.nan, "roc_auc") == "–"


def test_an_interval_that_reaches_below_zero_is_written_with_a_word():
    assert interval(0.7, 0.75, "roc_auc") == "0.700–0.750"
    assert interval(-0.1, 0.2, "roc_auc") == "−0.100 to 0.200"
    assert interval(math.nan, 0.2, "roc_auc") == ""


def test_words():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert percent(0.1234) == "12.3%"
    assert percent(math.nan) == "–"
    assert in_a_sentence("roc_auc") == "AUC"
    assert in_a_sentence("log_loss") == "log loss"


@pytest.mark.parametrize(
    ("figure", "values", "best"),
    [
        ("roc_auc", (0.7, 0.8, 0.6), 1),
        ("log_loss", (0.4, 0.5, 0.3), 2),
        ("calibration_slope", (0.7, 1.4, 1.1), 2),
        ("roc_auc", (math.nan, 0.5, 0.4), 1),
    ],
)
def test_the_best_value_of_a_column_is_marked(content, figure, values, best):
    models = list(content.evaluation.figures)
    figures = {m: {figure: Estimate(v)} for m, v in zip(models, values, strict=True)}
    table = comparison_table(replace(content.evaluation, figures=figures))
    assert [row.cells[0].best for row in table.rows] == [i == best for i in range(3)]


def test_the_large_model_stands_first(content):
    reverse = dict(reversed(content.evaluation.figures.items()))
    table = comparison_table(replace(content.evaluation, figures=reverse))
    assert table.rows[0].model == content.evaluation.large
    assert [row.large for row in table.rows] == [True, False, False]


@pytest.mark.parametrize(
    ("figure", "difference", "p_value", "said"),
    [
        ("roc_auc", 0.01, 0.001, "better"),
        ("roc_auc", -0.01, 0.001, "worse"),
        ("log_loss", -0.01, 0.001, "better"),
        ("log_loss", 0.01, 0.001, "worse"),
        ("roc_auc", 0.01, 0.2, "level"),
        ("roc_auc", 0.01, math.nan, "level"),
    ],
)
def test_a_difference_counts_only_beyond_chance_and_in_the_figures_direction(
    figure, difference, p_value, said
):
    test = Comparison("a", "b", figure, difference, -1.0, 1.0, p_value, "test")
    assert outcome(test, 0.95) == said


def test_the_adjusted_p_value_decides():
    test = Comparison("a", "b", "roc_auc", 0.01, 0.0, 0.02, 0.03, "test", adjusted_p_value=0.09)
    assert outcome(test, 0.95) == "level"


def test_tests_are_counted_in_a_sentence(content):
    assert tally(content.evaluation) == (
        "Paired tests against the other models: on AUC better than 1 and level with 1 of 2; "
        "on log loss better than 1 and level with 1 of 2."
    )
    assert tally(replace(content.evaluation, comparisons=())) == ""


def test_the_spans_of_the_names_cover_all_rows(content):
    mixed = tuple(sorted(content.evaluation.comparisons, key=lambda test: test.figure))
    rows = significance_rows(replace(content.evaluation, comparisons=mixed))
    assert [row.span for row in rows] == [2, 0, 2, 0]
    assert sum(row.span for row in rows) == len(rows)


def test_a_group_row_shows_its_own_rates(content):
    (table,) = group_tables(content.evaluation.by_period, content.evaluation)
    assert [row.group for row in table.rows] == ["2004", "2005", "2006", "2007"]
    for row in table.rows:
        rows, events = int(row.rows.replace(",", "")), int(row.events.replace(",", ""))
        assert row.observed == f"{100 * events / rows:.1f}%"
        assert len(row.cells) == 3


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1))
def test_a_printed_figure_is_within_half_a_digit(value):
    assert abs(float(number(value, "roc_auc")) - value) <= 5.0001e-4
