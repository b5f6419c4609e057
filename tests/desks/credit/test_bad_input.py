"""Bad input gets one sentence before any training, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import bezant as bz
from bezant.types import InputError
from common.rows import made_up, replaced
from credit_support import credit


def empty_column(X: pa.Table) -> pa.Table:
    return X.select(["approved"]).append_column("nothing", pa.nulls(X.num_rows, pa.float64()))


BAD: list[tuple[str, Any, dict[str, Any], str]] = [
    ("one class", lambda X, y: (X, np.ones_like(y)), {}, "All 480 rows of the target belong to one class"),
    ("three classes", lambda X, y: (X, np.arange(len(y)) % 3), {}, "3 different values"),
    (
        "missing label",
        lambda X, y: (X, np.where(np.arange(len(y)) < 5, np.nan, y)),
        {},
        "missing .* 5 of 480",
    ),
    ("short target", lambda X, y: (X, y[:-1]), {}, "479 values for 480 rows"),
    ("two columns", lambda X, y: (X, np.column_stack([y, y])), {}, "shape"),
    ("no such time", lambda X, y: (X, y), {"time": "aproved"}, "did you mean 'approved'"),
    ("nothing to learn", lambda X, y: (empty_column(X), y), {}, "2 columns can be learned from"),
    ("holdout of 1", lambda X, y: (X, y), {"holdout": 1.0}, "holdout is a share"),
    ("seed of text", lambda X, y: (X, y), {"random_state": "x"}, "random_state is a whole number"),
    ("adapt alone", lambda X, y: (X, y), {"adapt": "lora"}, "adapt='lora' says .* but pretrained is None"),
    ("negative seed", lambda X, y: (X, y), {"random_state": -1}, "random_state is a whole number"),
    (
        "a time that is missing",
        lambda X, y: (replaced(X, "approved", X["approved"].take(pa.array([None, *range(1, 480)]))), y),
        {},
        "'approved' orders the rows but is missing in 1 of 480",
    ),
]


@pytest.mark.parametrize(("make", "parameters", "words"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_input_gets_one_sentence_and_nothing_is_written(
    make: Any, parameters: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: Any, **__: Any) -> None:
        raise AssertionError("training has begun")

    monkeypatch.setattr("bezant.training.table.train", started)
    with pytest.raises(InputError, match=words) as caught:
        credit(checkpoint=tmp_path / "run", **parameters).fit(*make(*made_up()))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_leaks_can_be_refused_dropped_or_reported() -> None:
    X, y = made_up()
    X = X.append_column("recovered", pa.array(np.where(y == 1, 100.0 + np.arange(len(y)) % 7, 0.0)))
    with pytest.raises(InputError, match="'recovered'"):
        credit(leaks="refuse").fit(X, y)
    dropped = credit(leaks="drop").fit(X, y)
    assert "recovered" not in dropped.schema_.names
    assert any("'recovered'" in n and "left aside" in n for n in dropped.notes_)
    reported = credit().fit(X, y)
    assert "recovered" in reported.schema_.names
    assert any("'recovered'" in n for n in reported.notes_)


def test_evaluation_refuses_labels_the_model_does_not_know(risk: bz.CreditRisk) -> None:
    X, y = made_up()
    with pytest.raises(InputError, match=r"480 rows.*recode"):
        risk.evaluate(X, np.where(y == 1, 2.0, 3.0))
