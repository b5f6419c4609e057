"""One application at a time: the answer and the errors of a table of one row."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant.network.application import ApplicationScorer
from bezant.network.recalibration import Recalibration
from bezant.network.scoring import TableModel
from bezant.types import InputError
from drawn import CALIBRATORS, SHAPES, drawn_model

MODEL, ROWS = drawn_model(rows=800, paired=True, calibrator="isotonic")
SCORER = ApplicationScorer(MODEL)
PLAIN = {"State": "NY", "NewExist": 1, "NoEmp": 4, "GrAppv": 90_000.0, "SBA_Appv": 45_000}


def of_table(model: TableModel, application: Mapping[str, Any]) -> float:
    return float(model.score_table(pa.table({k: pa.array([v]) for k, v in application.items()}))[0])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("timed", [True, False])
def test_every_row_has_the_tables_answer_as_mapping_and_as_json(shape: str, timed: bool) -> None:
    model, table = drawn_model(shape, timed=timed, calibrator="beta", additive=timed)
    table = table.take(np.arange(0, table.num_rows, 7))
    scorer, expected = ApplicationScorer(model), model.score_typed(table)
    rows = table.select(list(model.schema.names)).to_pylist()
    np.testing.assert_allclose([scorer.score(row) for row in rows], expected, rtol=0, atol=1e-6)
    texts = [json.dumps(row, default=lambda moment: moment.isoformat(), ensure_ascii=False) for row in rows]
    np.testing.assert_allclose([scorer.score(text) for text in texts], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", CALIBRATORS)
def test_calibration_and_recalibration_are_inside(method: str) -> None:
    model, _ = drawn_model(calibrator=method)
    moved = replace(model, recalibration=Recalibration(shift=0.7, slope=0.9, method="level and slope"))
    found = ApplicationScorer(moved).score(PLAIN)
    assert found == pytest.approx(of_table(moved, PLAIN), abs=1e-6)
    assert abs(found - of_table(model, PLAIN)) > 0.01


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.sampled_from(
        [" NY ", "NY", "CA", "Atlantis", "", "NA", " nan", "1", "1.0", "+1", "1e5", "2,000", "٣", "x"]
    ),
    st.sampled_from(["12.50", "-7", "00501", "9" * 400, "TRUE", "-0", "7.", "a b", "a\tb", "\x1f", "-1.5e3"]),
    st.sampled_from([0, 1, 2, 1.0, 2.0, -0.0, 1e300, 45_000, 90_000]),
)


def said(score: Callable[[dict[str, Any]], float], application: dict[str, Any]) -> float | str:
    """The answer, or the sentence that refuses one."""
    try:
        return score(application)
    except InputError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore:.* 1 of 1 rows is infinite and counts as missing")
@given(st.fixed_dictionaries(dict.fromkeys(PLAIN, ODD)))
def test_whatever_stands_in_a_column_the_table_says_the_same(application: dict[str, Any]) -> None:
    expected = said(partial(of_table, MODEL), application)
    for _ in range(2):  # the second time, values are remembered
        found = said(SCORER.score, application)
        assert found == (pytest.approx(expected, abs=1e-6) if isinstance(expected, float) else expected)


def test_a_missing_column_is_named_as_in_a_table() -> None:
    some = {k: v for k, v in PLAIN.items() if k not in ("State", "NoEmp")}
    with pytest.raises(
        InputError, match="Columns 'State', 'NoEmp' of the model's schema are not in the table of 1"
    ):
        SCORER.score({**some, "GrAppv": "many"})


def test_other_names_are_left_aside() -> None:
    assert SCORER.score({**PLAIN, "default": 1, "note": ["a", {}]}) == SCORER.score(PLAIN)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not JSON"),
        (b"\xff{}", "is not JSON"),
        ("[1]", "list and no object"),
        ('{"State": "NY", "State": "CA"}', "'State' stands more than once"),
        (json.dumps({**PLAIN, "GrAppv": [1]}), "Column 'GrAppv' holds \\[1\\], which is no single value"),
        (json.dumps({**PLAIN, "GrAppv": 10**30}), "Column 'GrAppv' holds 10+, which no table can hold"),
    ],
)
def test_what_is_no_application_is_refused_in_a_sentence(text: str | bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        SCORER.score(text)


def test_a_trend_needs_the_applications_time() -> None:
    trend = Recalibration(trend=0.3, reference=12_000.0, method="level and trend")
    model = replace(MODEL, recalibration=trend)
    scorer, dated = ApplicationScorer(model), {**PLAIN, "ApprovalDate": "2004-05-06"}
    assert scorer.score(dated) == pytest.approx(of_table(model, dated), abs=1e-6)
    assert not math.isclose(scorer.score(dated), SCORER.score(PLAIN), abs_tol=0.01)
    with pytest.raises(InputError, match="The time is missing in 1 of 1 rows"):
        scorer.score({**dated, "ApprovalDate": None})


def test_only_so_many_values_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bezant.network.application.REMEMBERED", 5)
    scorer = ApplicationScorer(MODEL)
    for number in range(9):
        scorer.score({**PLAIN, "State": f" Atlantis {number}"})
    assert len(scorer._columns["State"]._seen) == 5
