"""A fit that reads files in pieces is the fit that reads them whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import bezant as bz
from bezant.desks.credit import large
from bezant.histories import ParquetRows
from bezant.network.fields import streamed as streamed_fields
from bezant.training import rows as on_rows
from bezant.training import streamed
from bezant.types import InputError

COLUMNS = ["State", "Bank", "NewExist", "NoEmp", "GrAppv", "SBA_Appv", "ApprovalDate", "default"]
SETTINGS: dict[str, Any] = {
    "time": "ApprovalDate",
    "size": "tiny",
    "benchmark": False,
    "progress": False,
    "training": {"max_epochs": 2},
    "network": {"taught": 0},  # as fits in pieces are
}


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    frame = bz.datasets.load("sba-sample")[COLUMNS]
    return frame.iloc[::24].reset_index(drop=True)


@pytest.fixture(scope="module")
def folder(loans: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("loans")
    table = pa.Table.from_pandas(loans, preserve_index=False)
    pq.write_table(table.slice(0, 1300), place / "a.parquet", row_group_size=500)
    pq.write_table(table.slice(1300), place / "b.parquet", row_group_size=500)
    return place


@pytest.fixture(scope="module")
def whole(loans: pd.DataFrame) -> bz.CreditRisk:
    return bz.CreditRisk(**SETTINGS).fit(loans.drop(columns="default"), loans["default"])


def in_pieces(source: Any, scratch: Path, **changed: Any) -> bz.CreditRisk:
    return bz.CreditRisk(**{**SETTINGS, **changed}, in_memory=False, scratch=scratch).fit(source, "default")


def test_one_piece_gives_the_very_same_model(
    loans: pd.DataFrame, whole: bz.CreditRisk, tmp_path: Path
) -> None:
    pq.write_table(pa.Table.from_pandas(loans, preserve_index=False), tmp_path / "loans.parquet")
    risk = in_pieces(tmp_path / "loans.parquet", tmp_path)
    assert risk.model_.encoding == whole.model_.encoding and risk.schema_ == whole.schema_
    for name, value in whole.model_.network.state_dict().items():
        torch.testing.assert_close(risk.model_.network.state_dict()[name], value, msg=name)
    np.testing.assert_allclose(risk.predict_proba(loans), whole.predict_proba(loans), atol=1e-6)
    assert risk.evaluation_ is not None and whole.evaluation_ is not None
    np.testing.assert_allclose(risk.evaluation_.y, whole.evaluation_.y)
    assert risk.record_.summary == whole.record_.summary
    assert [p.name for p in tmp_path.iterdir()] == ["loans.parquet"]  # nothing temporary is left


def test_many_pieces_give_nearly_the_same_answers(
    loans: pd.DataFrame, whole: bz.CreditRisk, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "PIECE_ROWS", 300)
    monkeypatch.setattr(on_rows, "BLOCK_ROWS", 64)
    monkeypatch.setattr(on_rows, "BUFFER_ROWS", 512)
    risk = in_pieces(folder, tmp_path)
    assert risk.model_.encoding == whole.model_.encoding
    tables = [m.model_.network.fields.statistics.table for m in (risk, whole)]
    torch.testing.assert_close(*tables)  # of all rows, whatever the folds
    ours, theirs = (m.predict_proba(loans)[:, 1] for m in (risk, whole))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9  # other folds and batches: as two seeds
    assert abs(ours.mean() - theirs.mean()) < 0.1
    assert any("read in pieces" in note for note in risk.notes_)


def test_a_draw_of_the_rows_is_enough_to_learn_what_columns_mean(
    loans: pd.DataFrame, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "PIECE_ROWS", 300)
    monkeypatch.setattr(large, "EXCERPT_ROWS", 900)
    monkeypatch.setattr(large, "HELD_OUT_ROWS", 200)
    monkeypatch.setattr(streamed, "SAMPLE_ROWS", 600)
    risk = in_pieces(folder, tmp_path)
    judged = risk.evaluation_
    assert judged is not None and 60 < judged.rows < 140  # half of the 200 drawn
    assert risk.record_.summary.rows == len(loans)
    assert risk.record_.summary.events == loans["default"].sum()
    # Statistics are of all rows though the values were learned from some: rows counted in the table.
    place = [c.field for c in risk.model_.encoding.codes].index("State")
    fields = risk.model_.network.fields
    if place in fields.config.statistics:
        start = int(fields.statistics.starts[fields.config.statistics.index(place)])
        counted = fields.statistics.table[start : start + fields.config.cardinalities[place], -1]
        assert round(float(torch.expm1(counted).sum())) == len(loans)


def test_cells_of_pairs_that_are_not_counted_are_in_the_notes(
    folder: Path, whole: bz.CreditRisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any("got no correction" in note for note in whole.notes_)
    monkeypatch.setattr(streamed_fields, "MOST_CELLS", 50)
    (said,) = [note for note in in_pieces(folder, tmp_path).notes_ if "got no correction" in note]
    assert "of the 2,500 rows drawn" in said  # those of the network that is delivered


def test_a_named_outcome_of_a_frame_is_split_off(loans: pd.DataFrame, whole: bz.CreditRisk) -> None:
    named = bz.CreditRisk(**SETTINGS).fit(loans, "default")
    np.testing.assert_array_equal(named.predict_proba(loans), whole.predict_proba(loans))
    assert list(named.feature_names_in_) == list(whole.feature_names_in_)


def test_small_files_are_read_whole_unless_told_otherwise(folder: Path) -> None:
    assert large.rows_to_stream(folder, "default", "auto") is None
    assert large.rows_to_stream(folder, "default", True) is None
    found = large.rows_to_stream(folder, "default", False)
    assert found is not None and len(found[0]) == 2500


def test_large_files_are_read_in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "IN_MEMORY_VALUES", 10_000)
    assert large.rows_to_stream(folder, "default", "auto") is not None
    assert large.rows_to_stream(folder, "default", True) is None


def test_rows_without_an_order_are_held_out_at_random(folder: Path, tmp_path: Path) -> None:
    risk = in_pieces(ParquetRows.of(folder, drop=["ApprovalDate"]), tmp_path, time=None)
    assert risk.evaluation_ is not None
    assert any("drawn at random" in note for note in risk.notes_)
    assert "ApprovalDate" not in risk.feature_names_in_


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"default": None}, "missing .* in 5 of 2500 rows"),
        ({"default": 7}, "3 different values .*in 2500 rows"),
        ({"ApprovalDate": None}, "'ApprovalDate' orders the rows but is missing in 5 of 2500 rows"),
    ],
)
def test_every_row_is_checked_before_any_work(
    loans: pd.DataFrame, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    spoilt = loans.copy()
    for name, value in change.items():
        spoilt[name] = spoilt[name].astype(object)
        spoilt.loc[spoilt.index[-5:], name] = value
        spoilt[name] = spoilt[name].convert_dtypes()
    spoilt.to_parquet(tmp_path / "spoilt.parquet", index=False)
    with pytest.raises(InputError, match=said):
        in_pieces(tmp_path / "spoilt.parquet", tmp_path)


def test_one_sentence_says_what_in_pieces_needs(loans: pd.DataFrame, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Parquet files in pieces"):
        in_pieces(loans, tmp_path)
    with pytest.raises(InputError, match="no folder"):
        in_pieces(folder, tmp_path / "none")
    with pytest.raises(InputError, match="default_"):
        bz.CreditRisk(**SETTINGS, in_memory=False).fit(folder, "default_")
    with pytest.raises(InputError, match="gd"):
        in_pieces(folder, tmp_path, training={"optimizer": "gd"})
    assert not list(tmp_path.iterdir())


def test_a_column_that_changes_its_kind_late_is_found(
    loans: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "PIECE_ROWS", 500)
    monkeypatch.setattr(large, "EXCERPT_ROWS", 200)
    text = loans.assign(NoEmp=loans["NoEmp"].astype(str))
    text.loc[text.index[600:640], "NoEmp"] = "many"
    text.to_parquet(tmp_path / "a.parquet", index=False)
    schema = bz.CreditRisk(**SETTINGS).fit(loans.head(1000), "default").schema_
    with pytest.raises(InputError, match="Rows 501 to 1000: Column 'NoEmp' should hold a number"):
        in_pieces(tmp_path / "a.parquet", tmp_path, schema=schema)
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]
