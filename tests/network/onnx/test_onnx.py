"""The ONNX graph, computed by onnxruntime alone, says what the model says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
import torch

from bezant.network.fields.encoding import CodeColumn
from bezant.network.onnx import OUTPUT, onnx_model
from bezant.network.recalibration import Recalibration
from bezant.network.scoring import TableModel
from bezant.types import InputError
from drawn import CALIBRATORS, SHAPES, drawn_model

NOT_KNOWN = {"tensor(double)": np.nan, "tensor(string)": "", "tensor(int64)": np.iinfo(np.int64).min}


def feeds(session: onnxruntime.InferenceSession, table: pa.Table) -> dict[str, np.ndarray]:
    """Typed rows as a user of onnxruntime would write them."""
    found = {}
    for given in session.get_inputs():
        column = table[given.name]
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        values = [NOT_KNOWN[given.type] if v is None else v for v in column.to_pylist()]
        kinds = {"tensor(double)": np.float64, "tensor(string)": object, "tensor(int64)": np.int64}
        found[given.name] = np.array(values, dtype=kinds[given.type])
    return found


def opened(model: TableModel) -> onnxruntime.InferenceSession:
    content = onnx_model(model, {"bezant": "0"}).SerializeToString()
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def computed(model: TableModel, table: pa.Table) -> np.ndarray:
    session = opened(model)
    return session.run([OUTPUT], feeds(session, table))[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("timed", [True, False])
def test_answers_are_the_models(shape: str, timed: bool) -> None:
    model, table = drawn_model(shape, timed=timed)
    expected = model.score_typed(table)
    assert np.std(np.log(expected / (1 - expected))) > 0.2
    np.testing.assert_allclose(computed(model, table), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("trunk", ["tabm", "mlp"])
@pytest.mark.parametrize("kind", ["piecewise", "periodic", "both"])
def test_pairs_and_ratios_are_inside(trunk: str, kind: str) -> None:
    model, table = drawn_model(rows=800, paired=True, trunk=trunk, fields={"number_embedding": kind})
    assert model.network.fields.interactions is not None
    assert model.network.config.fields.ratios
    np.testing.assert_allclose(computed(model, table), model.score_typed(table), rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_additive_member_is_inside(shape: str) -> None:
    model, table = drawn_model(shape, rows=800, paired=shape == "mixed", additive=True)
    model.network.give_share(0.75)
    np.testing.assert_allclose(computed(model, table), model.score_typed(table), rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", CALIBRATORS)
def test_every_calibrator_is_inside(method: str) -> None:
    model, table = drawn_model(calibrator=method, head="severity" if method == "linear" else "binary")
    plain = replace(model, calibrator=drawn_model()[0].calibrator).score_typed(table)
    expected = model.score_typed(table)
    assert method == "none" or np.abs(plain - expected).max() > 0.01
    np.testing.assert_allclose(computed(model, table), expected, rtol=0, atol=1e-5)


def test_a_recalibration_with_its_trend_is_inside() -> None:
    model, table = drawn_model()
    middle = np.median(table["ApprovalDate"].cast(pa.int64()).drop_null().to_numpy()) / 86_400e6
    moved = Recalibration(slope=0.8, shift=0.2, trend=0.3, reference=middle, method="level, slope and trend")
    model, table = replace(model, recalibration=moved), table.filter(table["ApprovalDate"].is_valid())
    np.testing.assert_allclose(computed(model, table), model.score_typed(table), rtol=0, atol=1e-5)


def test_every_month_and_weekday_of_the_calendar_is_right() -> None:
    """All days of 1896 to 2105, leap years and those left out among them; the model weighs both strongly."""
    model, _ = drawn_model("times", timed=False)
    days = np.arange(np.datetime64("1896-01-01"), np.datetime64("2105-01-01"))
    stamps = days.astype("datetime64[us]") + np.timedelta64(86_399_999_999, "us")
    rows = len(days)
    table = pa.table(
        {
            "State": pa.nulls(rows, pa.string()),
            "GrAppv": pa.nulls(rows, pa.float64()),
            "Opened": pa.array(stamps),
        }
    )
    expected = model.score_typed(table)
    assert len(np.unique(expected.round(6))) > 20
    np.testing.assert_allclose(computed(model, table), expected, rtol=0, atol=1e-5)


def test_an_infinite_number_is_a_missing_one() -> None:
    model, table = drawn_model("numbers")
    session = opened(model)
    rows = feeds(session, table.slice(0, 3))
    rows["GrAppv"] = np.array([np.inf, -np.inf, np.nan])
    rows["NoEmp"], rows["SBA_Appv"] = np.full(3, 4.0), np.full(3, 9e4)
    found = session.run(None, rows)[0]
    np.testing.assert_array_equal(found, found[[2, 2, 2]])


def test_the_file_says_what_it_wants() -> None:
    model, _ = drawn_model("times")
    session = opened(model)
    said = session.get_modelmeta().custom_metadata_map
    assert said["bezant"] == "0"
    assert json.loads(said["inputs"]) == {
        "State": {"kind": "category", "type": "string"},
        "GrAppv": {"kind": "number", "type": "float64"},
        "ApprovalDate": {"kind": "time", "type": "int64"},
        "Opened": {"kind": "time", "type": "int64"},
    }
    assert {i.name for i in session.get_inputs()} == set(json.loads(said["inputs"]))


def test_a_network_with_several_answers_a_row_is_refused() -> None:
    model, _ = drawn_model()
    model.network.head = torch.nn.Identity()
    with pytest.raises(InputError, match="only those with one answer a row"):
        onnx_model(model, {})


def test_a_model_that_knows_the_empty_text_is_refused() -> None:
    model, _ = drawn_model("categories")
    codes = (CodeColumn(field="State", texts=("", "NY")), *model.encoding.codes[1:])
    changed = replace(model, encoding=model.encoding.model_copy(update={"codes": codes}))
    with pytest.raises(InputError, match="Column 'State' has the empty text"):
        onnx_model(changed, {})
