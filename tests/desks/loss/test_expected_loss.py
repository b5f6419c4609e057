"""Expected loss: the product, row by row; vintages against sums by hand; frames as they were given."""

from __future__ import annotations

import copy
import functools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import bezant as bz
from bezant.evidence.portfolio import matched_in_the_mean
from bezant.reports.losses import loss_by_vintage, rate_by_grade
from bezant.types import FloatArray, InputError

TRAINING = {"max_epochs": 3, "batch_size": 64, "learning_rate": 0.01}


@functools.cache
def loans() -> pd.DataFrame:
    return bz.datasets.load("sba-sample").iloc[::40].reset_index(drop=True)


def lost() -> FloatArray:
    share = (loans()["SBA_Appv"] / loans()["GrAppv"]).to_numpy()
    return np.clip(np.random.default_rng(0).normal(share, 0.3), 0, 1)


@functools.cache
def book() -> bz.ExpectedLoss:
    X = loans().drop(columns="default")
    common = {"size": "tiny", "benchmark": False, "progress": False, "training": TRAINING}
    risk = bz.CreditRisk(time="ApprovalDate", **common).fit(X, loans()["default"])  # type: ignore[arg-type]
    severity = bz.LossSeverity(**common).fit(X, lost())  # type: ignore[arg-type]
    return bz.ExpectedLoss(risk, severity, exposure="GrAppv", grades=4)


def test_the_expected_loss_is_the_product_of_its_parts() -> None:
    X = loans().drop(columns="default")
    found = book().predict(X)
    assert isinstance(found, pd.DataFrame)
    np.testing.assert_array_equal(found["PD"], book().pd.predict_proba(X)[:, 1])
    np.testing.assert_array_equal(found["LGD"], book().lgd.predict(X))
    np.testing.assert_array_equal(found["EAD"], X["GrAppv"])
    np.testing.assert_allclose(found["EL"], found["PD"] * found["LGD"] * found["EAD"])
    assert book().scale_ is not None
    assert set(found["grade"]) <= set(book().scale_.names)


def test_the_answer_is_a_frame_of_the_kind_that_was_given() -> None:
    found = book().predict(pl.from_pandas(loans().head(5)))
    assert isinstance(found, pl.DataFrame)
    assert found.columns[:4] == ["PD", "LGD", "EAD", "EL"]


def test_vintages_add_up_and_simulations_agree_with_what_is_expected() -> None:
    X = loans()
    el = book().predict(X)["EL"].to_numpy()
    realised = lost() * X["default"].to_numpy() * X["GrAppv"].to_numpy()
    found = book().portfolio(X, by="time", realised=realised, simulations=800)
    years = X["ApprovalDate"].dt.year.to_numpy()
    assert found.labels == (*map(str, np.unique(years)), "all")
    for i, year in enumerate(np.unique(years)):
        assert found.expected[i] == pytest.approx(el[years == year].sum())
        assert found.realised is not None
        assert found.realised[i] == pytest.approx(realised[years == year].sum())
    assert found.expected[-1] == pytest.approx(el.sum())
    assert found.simulated[:, -1].mean() == pytest.approx(el.sum(), rel=0.05)
    assert "<svg" in loss_by_vintage(found)


def test_a_common_factor_widens_the_interval_and_leaves_the_mean() -> None:
    X = loans()
    alone, together = (book().portfolio(X, correlation=c, simulations=600) for c in (0.0, "basel"))
    low, high = together.interval()
    assert high[-1] - low[-1] > 2 * (alone.interval()[1][-1] - alone.interval()[0][-1])
    assert together.simulated.mean() == pytest.approx(alone.simulated.mean(), rel=0.15)
    assert alone.labels == ("portfolio", "all")


@functools.cache
def learned() -> bz.ExpectedLoss:
    """The book, told of all that the sample knows of vintages up to 2003, with their real losses."""
    X = bz.datasets.load("sba-sample", raw=True)
    X = X[X["ApprovalDate"] < "2004-01-01"]
    share = (X["ChgOffPrinGr"] / X["DisbursementGross"]).clip(0, 1).where(X["default"] == 1, 0.0)
    return copy.copy(book()).learn_vintages(X, X["default"], share)


def test_past_vintages_widen_the_band_and_say_so() -> None:
    X = loans()
    early = X["ApprovalDate"].dt.year.to_numpy() <= 2003
    known = learned()
    assert known.vintages_ is not None
    assert known.vintages_.years[-1] == 2003
    later = X[~early]
    alone, moved = (known.portfolio(later, by="time", correlation=c, simulations=600) for c in (0.0, None))
    wide, narrow = (np.subtract(*found.interval()[::-1]) for found in (moved, alone))
    assert np.all(wide > narrow)
    assert wide[-1] > 2 * narrow[-1]
    assert moved.simulated.mean() == pytest.approx(alone.simulated.mean(), rel=0.25)
    assert f"{known.vintages_.years[0]}-2003" in str(moved)
    assert "alone" in alone.basis
    with pytest.raises(InputError, match="learn_vintages"):
        book().portfolio(X, correlation="vintages")


def test_a_portfolio_of_known_vintages_says_that_nothing_moves_it() -> None:
    X = loans()
    early = X["ApprovalDate"].dt.year.to_numpy() <= 2003
    known, alone = (learned().portfolio(X[early], correlation=c, simulations=500) for c in (None, 0.0))
    assert known.simulated[:, -1].std() == pytest.approx(alone.simulated[:, -1].std(), rel=0.2)
    assert f"All {early.sum()} loans" in known.basis
    assert "moved" not in known.basis
    both = learned().portfolio(X, simulations=20)
    assert f"{early.sum()} of {len(X)} loans are of vintages taken as known" in both.basis


def test_losses_of_loans_that_did_not_default_are_not_read() -> None:
    X = bz.datasets.load("sba-sample", raw=True)
    share = (X["ChgOffPrinGr"] / X["DisbursementGross"]).clip(0, 1)
    default = X["default"] == 1
    whole, empty = (
        copy.copy(book()).learn_vintages(X, default, share.where(default, other)).vintages_
        for other in (0.0, np.nan)
    )
    assert whole is not None
    assert empty is not None
    assert whole.document() == empty.document()
    half = default.astype(float).where(X.index != X.index[3], 0.5)
    for wrong, sentence in ((half, r"holds 0\.5, neither 0 nor 1, in 1 of"), (half.astype(str), "neither 0")):
        with pytest.raises(InputError, match=sentence):
            copy.copy(book()).learn_vintages(X, wrong, share)
    with pytest.raises(InputError, match=r"missing .* in [1-9]\d* of"):  # those of defaulted loans are read
        copy.copy(book()).learn_vintages(X, default, share.where(~default))


def test_a_saved_book_opens_and_says_the_same(tmp_path: Path) -> None:
    X = loans()
    known = learned()
    after = bz.load(known.save(tmp_path / "book"))
    assert isinstance(after, bz.ExpectedLoss)
    pd.testing.assert_frame_equal(after.predict(X), known.predict(X))
    assert str(after.scale_) == str(known.scale_)
    assert after.notes_ == known.notes_
    before, again = (b.portfolio(X, by="time", simulations=50) for b in (known, after))
    np.testing.assert_array_equal(before.simulated, again.simulated)
    assert not list((tmp_path / "book").glob("*.pkl"))
    once_more = after.save(tmp_path / "again")
    assert all(f.read_bytes() == (once_more / f.name).read_bytes() for f in (tmp_path / "book").iterdir())


def test_a_book_without_grades_or_history_opens_too(tmp_path: Path) -> None:
    bare = copy.copy(book())
    bare.scale_ = None
    after = bz.load(bare.save(tmp_path / "book"))
    assert after.scale_ is None
    assert after.vintages_ is None
    assert "grade" not in after.predict(loans())


def test_the_report_holds_figures_pictures_and_notes(tmp_path: Path) -> None:
    X = loans()
    realised = lost() * X["default"].to_numpy() * X["GrAppv"].to_numpy()
    found = book().portfolio(X, by="time", realised=realised, simulations=200)
    written = book().report(tmp_path / "deep" / "loss.html", found, created="2026-01-31T12:00:00")
    page = written.read_text(encoding="utf-8")
    assert "31 January 2026, 12:00" in page
    assert "<dt>Value at risk 99%</dt>" in page and "<dt>Realised loss</dt>" in page
    heads = re.findall(r'<th class="number">(.*?)</th>', page)
    assert {"Expected loss", "of exposure", "5% lose less than", "Realised loss"} <= set(heads)
    assert page.count("<svg") == 2
    assert f"{found.expected[-1]:,.0f}" in page
    inside, groups = found.covered()
    assert f"in {inside} of {groups} groups" in page
    assert "held out" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    one = book().report(tmp_path / "one.html", book().portfolio(X, simulations=20))
    assert not re.search(r"were lost|Realised", one.read_text(encoding="utf-8"))


def test_groups_may_be_the_values_of_any_column() -> None:
    found = book().portfolio(loans(), by="LowDoc", simulations=20)
    assert found.unit == "LowDoc"
    assert int(found.rows[-1]) == 1500 == int(found.rows[:-1].sum())


def test_grades_come_from_the_held_out_rows_or_from_outside() -> None:
    scale = book().scale_
    assert scale is not None
    assert any("held out" in note for note in book().notes_)
    given = bz.ExpectedLoss(book().pd, book().lgd, exposure="GrAppv", grades=scale)
    assert given.scale_ is scale
    assert "<svg" in rate_by_grade(scale)


def test_matched_fractions_have_the_wanted_mean_and_keep_their_ends() -> None:
    draw = np.random.default_rng(0)
    quantiles = np.sort(np.clip(draw.normal(0.6, 0.3, (50, 100)), 0, 1), axis=1)
    wanted = draw.uniform(0.35, 0.75, 50)
    found = matched_in_the_mean(quantiles, wanted)
    np.testing.assert_allclose(found.mean(axis=1), wanted, atol=1e-6)
    assert np.all(np.diff(found, axis=1) >= 0)
    assert np.array_equal(found == 0, quantiles == 0)
    assert np.all(found[quantiles == 1] == 1)


def test_what_is_no_exposure_is_refused() -> None:
    X = loans().drop(columns="default")
    for column, sentence in (("Money", "Money"), ("State", "no amount from 0 on")):
        with pytest.raises(InputError, match=sentence):
            bz.ExpectedLoss(book().pd, book().lgd, exposure=column).predict(X)
    missing = X.assign(GrAppv=X["GrAppv"].where(X.index > 9))
    with pytest.raises(InputError, match=r"10 of 1500|missing in 10"):
        book().predict(missing)
    with pytest.raises(InputError, match="realised losses are 3"):
        book().portfolio(X, realised=np.zeros(3))
    with pytest.raises(InputError, match="LossSeverity"):
        bz.ExpectedLoss(book().pd, book().pd, exposure="GrAppv")  # type: ignore[arg-type]
