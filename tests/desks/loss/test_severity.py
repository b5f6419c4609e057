"""The loss desk on real applications with made-up losses: the sample that ships has no loss columns."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import bezant as bz
from bezant.desks.estimators.labels import read_fractions
from bezant.desks.loss import ahead as severity_ahead
from bezant.types import FloatArray, InputError

ROWS = 1200


@functools.cache
def rows() -> tuple[pd.DataFrame, FloatArray]:
    loans = bz.datasets.load("sba-sample").iloc[::50].reset_index(drop=True).drop(columns="default")
    draw = np.random.default_rng(0)
    mean = 0.2 + 0.6 * (loans["SBA_Appv"] / loans["GrAppv"]).to_numpy()
    return loans, np.clip(draw.normal(mean, 0.25), 0, 1)  # many are exactly 1


def make(**settings: Any) -> bz.LossSeverity:
    training = {"max_epochs": 3, "batch_size": 64, "learning_rate": 0.01}
    given = {"size": "tiny", "benchmark": False, "progress": False, "training": training}
    return bz.LossSeverity(**{**given, **settings})


@functools.cache
def fitted() -> bz.LossSeverity:
    X, y = rows()
    return make(time="ApprovalDate").fit(X, y)


def test_predictions_are_fractions_and_follow_the_losses() -> None:
    X, y = rows()
    p = fitted().predict(X)
    assert p.shape == (ROWS,)
    assert np.all((p >= 0) & (p <= 1))
    assert np.corrcoef(p, y)[0, 1] > 0.3


def test_quantiles_do_not_cross_and_intervals_hold_what_they_promise() -> None:
    X, y = rows()
    found = fitted().predict_quantiles(X, [0.1, 0.5, 0.9])
    assert found.shape == (ROWS, 3)
    assert np.all(np.diff(found, axis=1) >= 0)
    # An interval that ends at 1 holds the whole heap there, so it may hold more than it promises.
    assert 0.75 <= np.mean((y >= found[:, 0]) & (y <= found[:, 2])) <= 0.95


def test_the_held_out_judgement_covers_both_intervals() -> None:
    judged = fitted().evaluation_
    assert judged is not None
    assert [c.nominal for c in judged.coverage] == [0.8, 0.9]
    assert all(c.share.value > c.nominal - 0.1 for c in judged.coverage)
    assert fitted().calibration_.keys() == {"none", "linear"}


def test_a_saved_model_opens_and_says_the_same(tmp_path: Path) -> None:
    X, y = rows()
    before = make().set_params(benchmark=True).fit(X, y)
    after = bz.load(before.save(tmp_path / "model"))
    assert isinstance(after, bz.LossSeverity)
    assert np.array_equal(after.predict(X), before.predict(X))
    levels = [0.01, 0.5, 0.99]
    assert np.array_equal(after.predict_quantiles(X, levels), before.predict_quantiles(X, levels))
    assert str(after.evaluation_) == str(before.evaluation_)
    assert str(after.evaluate(X, y)) == str(before.evaluate(X, y))
    assert after.notes_ == before.notes_
    assert [b.name for b in after.benchmarks_] == ["LightGBM", "fractional logit", "mean"]
    again = after.save(tmp_path / "again")
    files = sorted(p.name for p in again.iterdir())
    assert all((tmp_path / "model" / f).read_bytes() == (again / f).read_bytes() for f in files)


def test_clones_copies_and_refits_repeat_the_model() -> None:
    X, _ = rows()
    assert clone(fitted()).get_params() == fitted().get_params()
    with pytest.raises(NotFittedError):
        clone(fitted()).predict(X)
    assert np.array_equal(copy.deepcopy(fitted()).predict(X), fitted().predict(X))


def test_too_few_rows_are_fitted_without_a_judgement() -> None:
    X, y = rows()
    small = make().fit(X.head(60), y[:60])
    assert small.evaluation_ is None
    assert any("too few to hold any out" in note for note in small.notes_)
    assert small.predict_quantiles(X.head(2), [0.5]).shape == (2, 1)


def test_a_ranking_that_turned_round_leaves_the_mean_of_the_latest_losses_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(severity_ahead, "LEAST_ROWS", 1000)
    X, _ = rows()
    time = X["ApprovalDate"].rank(pct=True).to_numpy()
    share = (X["SBA_Appv"] / X["GrAppv"]).to_numpy()
    draw = np.random.default_rng(1)
    lost = np.clip(0.5 + (1 - 2 * time) * (share - 0.7) + draw.normal(0, 0.1, len(X)), 0, 1)
    careful = make(time="ApprovalDate").fit(X, lost)
    assert np.ptp(careful.predict(X)) < 1e-9
    assert any("less and less" in note for note in careful.notes_)
    alike = make().fit(X, lost)  # without a time, rows are held out at random
    assert not any("less and less" in note for note in alike.notes_)


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (np.full(ROWS, 0.4), "all 1200 rows"),
        (np.linspace(0, 1.5, ROWS), "outside 0 to 1 in 400 of 1200"),
        (np.zeros(3), "3 values for 1200 rows"),
        (np.array(["much"] * ROWS), "does not hold numbers"),
    ],
)
def test_what_is_no_loss_is_refused_in_one_sentence(y: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        make().fit(rows()[0], y)


def test_unknown_settings_are_refused() -> None:
    X, y = rows()
    wrong_ones = ({"size": "huge"}, {"holdout": 2.0}, {"benchmark": "full"}, {"random_state": -1})
    for wrong in (*wrong_ones, {"caution": 2.0}):
        with pytest.raises(InputError):
            make(**wrong).fit(X, y)
    with pytest.raises(InputError, match="between 0 and 1"):
        fitted().predict_quantiles(X, [1.5])


def test_fractions_are_read_as_they_are() -> None:
    assert read_fractions([0, 1, 0.5], 3).tolist() == [0.0, 1.0, 0.5]
