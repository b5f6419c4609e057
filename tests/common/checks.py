"""One contract for every estimator of a desk: small checks, run against all of them.

A :class:`Case` says how an estimator is made and what it answers; :data:`CHECKS` lists what must hold.
A new desk adds one case to ``test_contract.py``.
"""

from __future__ import annotations

import copy
import functools
import json
import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import bezant as bz
from bezant.types import AnyArray, FloatArray, InputError
from common.rows import made_up, replaced

RUN_ONLY = ("checkpoint", "progress")
"""Parameters that concern a run alone and are not part of a saved model."""


@dataclass(frozen=True)
class Case:
    """An estimator of rows and labels.

    Attributes
    ----------
    name : str
        Of the estimator.
    make : callable
        Gives an unfitted estimator that trains in a second; keywords are further parameters.
    score : callable
        The estimator's answer, shape (n,), for rows.
    classifies : bool
        Whether labels may be of any kind.
    """

    name: str
    make: Callable[..., Any]
    score: Callable[[Any, Any], FloatArray]
    classifies: bool = True


@functools.cache
def fitted(case: Case) -> Any:
    """Return the case's estimator, fitted once to the made-up rows; checks do not change it."""
    X, y = made_up()
    return case.make().fit(X, y)


def unfitted_says_so(case: Case) -> None:
    with pytest.raises(NotFittedError):
        case.score(case.make(), made_up()[0])


def clone_keeps_parameters_and_nothing_else(case: Case) -> None:
    copied = clone(fitted(case))
    assert copied.get_params() == fitted(case).get_params()
    assert not [name for name in vars(copied) if name.endswith("_")]


def refit_gives_the_same(case: Case) -> None:
    X, y = made_up()
    risk = case.make().fit(*made_up(300, seed=5))
    assert not np.array_equal(case.score(risk, X), case.score(fitted(case), X))
    risk.fit(X, y)
    np.testing.assert_array_equal(case.score(risk, X), case.score(fitted(case), X))
    assert risk.notes_ == fitted(case).notes_


def other_seed_gives_other_scores(case: Case) -> None:
    X, y = made_up()
    other = case.make(random_state=1).fit(X, y)
    assert not np.array_equal(case.score(other, X), case.score(fitted(case), X))


def save_and_load_change_nothing(case: Case, folder: Path) -> None:
    X, _ = made_up()
    before = fitted(case)
    after = bz.load(before.save(folder / "model"))
    assert type(after) is type(before)
    np.testing.assert_array_equal(case.score(after, X), case.score(before, X))
    for name in ("notes_", "check_", "record_", "schema_", "calibration_"):
        assert getattr(after, name) == getattr(before, name), name
    assert after.history_ == tuple(replace(run, rows_per_second=0.0) for run in before.history_)
    assert json.loads(after.evaluation_.to_json()) == json.loads(before.evaluation_.to_json())
    assert str(after.evaluation_) == str(before.evaluation_)
    assert list(after.classes_) == list(before.classes_)
    assert list(after.feature_names_in_) == list(before.feature_names_in_) == X.column_names
    said, meant = after.get_params(), before.get_params()
    assert {k: v for k, v in said.items() if k not in RUN_ONLY} == {
        k: v for k, v in meant.items() if k not in RUN_ONLY
    }
    first, second = folder / "model", after.save(folder / "again")
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {
        p.name: p.read_bytes() for p in second.iterdir()
    }


def copies_score_the_same(case: Case) -> None:
    X, _ = made_up()
    for copied in (copy.deepcopy(fitted(case)), pickle.loads(pickle.dumps(fitted(case)))):  # noqa: S301
        np.testing.assert_array_equal(case.score(copied, X), case.score(fitted(case), X))
        assert copied.check_ == fitted(case).check_


def column_order_has_no_effect_on_scores(case: Case) -> None:
    X, _ = made_up()
    turned = X.select(X.column_names[::-1])
    np.testing.assert_array_equal(case.score(fitted(case), turned), case.score(fitted(case), X))


def every_frame_kind_scores_the_same(case: Case) -> None:
    X, _ = made_up()
    wanted = case.score(fitted(case), X)
    frames = [
        X.to_pandas(),
        pl.from_arrow(X),
        pl.from_arrow(X).lazy(),  # type: ignore[union-attr]
        X.combine_chunks().to_batches()[0],
        {name: X[name].to_numpy() for name in X.column_names},
        {name: X[name].to_pylist() for name in X.column_names},
    ]
    for frame in frames:
        np.testing.assert_array_equal(case.score(fitted(case), frame), wanted, str(type(frame)))


def every_frame_kind_fits_the_same(case: Case) -> None:
    X, y = made_up()
    wanted = case.score(fitted(case), X)
    for frame, labels in ((X.to_pandas(), pd.Series(y)), (pl.from_arrow(X), pl.Series(y))):
        np.testing.assert_array_equal(case.score(case.make().fit(frame, labels), X), wanted)


def text_rows_score_like_typed_rows(case: Case, folder: Path) -> None:
    X, _ = made_up()
    pa_csv.write_csv(X, folder / "rows.csv")
    np.testing.assert_array_equal(case.score(fitted(case), folder / "rows.csv"), case.score(fitted(case), X))


def text_rows_fit_like_typed_rows(case: Case, folder: Path) -> None:
    X, y = made_up()
    pa_csv.write_csv(X, folder / "rows.csv")
    by_text = case.make().fit(folder / "rows.csv", y)
    np.testing.assert_array_equal(case.score(by_text, X), case.score(fitted(case), X))


def unknown_category_and_new_gap_survive(case: Case) -> None:
    X, _ = made_up()
    n = X.num_rows
    strange = replaced(X, "state", pa.array(["Atlantis"] * n))
    strange = replaced(strange, "bank", pa.nulls(n, pa.string()))  # never missing in training
    strange = replaced(strange, "staff", pa.array([float("nan")] * n))
    strange = replaced(strange, "founded", pa.nulls(n, pa.timestamp("us")))
    scores = case.score(fitted(case), strange)
    assert np.isfinite(scores).all()
    assert ((scores > 0) & (scores < 1)).all()


def values_beyond_the_training_range_survive(case: Case) -> None:
    X, _ = made_up()
    n = X.num_rows
    for value in (1e300, -1e300, float("inf"), 0.0):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Column 'amount': 480 of 480 rows are infinite")
            found = case.score(fitted(case), replaced(X, "amount", pa.array([value] * n)))
        assert np.isfinite(found).all()


def new_extra_column_is_left_aside(case: Case) -> None:
    X, y = made_up()
    more = X.append_column("answer", pa.array(y))
    np.testing.assert_array_equal(case.score(fitted(case), more), case.score(fitted(case), X))


def missing_column_is_named(case: Case) -> None:
    X, _ = made_up()
    with pytest.raises(InputError, match=r"'bank'.*480 rows"):
        case.score(fitted(case), X.drop_columns(["bank"]))


def one_row_scores_as_among_others(case: Case) -> None:
    X, _ = made_up()
    one = case.score(fitted(case), X.slice(7, 1))
    assert one.shape == (1,)
    np.testing.assert_allclose(one, case.score(fitted(case), X)[7:8], rtol=1e-5)


def no_rows_give_no_scores(case: Case) -> None:
    assert case.score(fitted(case), made_up()[0].slice(0, 0)).shape == (0,)


def no_rows_cannot_be_fitted(case: Case) -> None:
    with pytest.raises(InputError, match="no rows"):
        case.make().fit(made_up()[0].slice(0, 0), np.empty(0))


def chunks_score_as_the_whole(case: Case) -> None:
    X, _ = made_up()
    parts = [case.score(fitted(case), X.slice(start, 37)) for start in range(0, X.num_rows, 37)]
    np.testing.assert_allclose(np.concatenate(parts), case.score(fitted(case), X), rtol=1e-5)  # float32


def input_is_not_changed(case: Case) -> None:
    X, y = made_up()
    frame, labels = X.to_pandas(), pd.Series(y)
    before, labels_before = frame.copy(deep=True), labels.copy(deep=True)
    estimator = case.make().fit(frame, labels)
    case.score(estimator, frame)
    estimator.evaluate(frame, labels)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_series_equal(labels, labels_before)


def any_two_labels_will_do(case: Case) -> None:
    if not case.classifies:
        return
    X, y = made_up()
    for zero, one in ((0, 1), (False, True), ("N", "Y"), (0.0, 1.0), (3, 7)):
        labels: AnyArray = np.where(y == 1, np.array(one), np.array(zero))
        estimator = case.make().fit(X, labels)
        np.testing.assert_array_equal(case.score(estimator, X), case.score(fitted(case), X))
        assert estimator.classes_.tolist() == [zero, one]
        assert set(estimator.predict(X)) <= {zero, one}
        said = any(repr(one) in note and "event" in note for note in estimator.notes_)
        assert said == (zero not in (0, False)), estimator.notes_


def random_numbers_of_the_caller_stay(case: Case) -> None:
    import torch

    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    wanted = float(torch.rand(())), float(np.random.rand())  # noqa: NPY002
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    case.make().fit(*made_up())
    assert (float(torch.rand(())), float(np.random.rand())) == wanted  # noqa: NPY002


Check = Callable[..., None]

CHECKS: tuple[Check, ...] = (
    unfitted_says_so,
    clone_keeps_parameters_and_nothing_else,
    refit_gives_the_same,
    other_seed_gives_other_scores,
    save_and_load_change_nothing,
    copies_score_the_same,
    column_order_has_no_effect_on_scores,
    every_frame_kind_scores_the_same,
    every_frame_kind_fits_the_same,
    text_rows_score_like_typed_rows,
    text_rows_fit_like_typed_rows,
    unknown_category_and_new_gap_survive,
    values_beyond_the_training_range_survive,
    new_extra_column_is_left_aside,
    missing_column_is_named,
    one_row_scores_as_among_others,
    no_rows_give_no_scores,
    no_rows_cannot_be_fitted,
    chunks_score_as_the_whole,
    input_is_not_changed,
    any_two_labels_will_do,
    random_numbers_of_the_caller_stay,
)
