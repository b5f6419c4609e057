"""The page of a model of demand, on real purchases of CDs: what was expected and what came."""

from __future__ import annotations

import copy
import re

import numpy as np
import pandas as pd
import pytest

import bezant as bz
from bezant.histories.readers import read_table
from bezant.metrics.counts import activity_auc, total_error
from bezant.traditional.demand import DemandBoosting, Purchases
from bezant.traditional.demand import purchases as read_purchases
from bezant.types import InputError
from real_customers import UNTIL, purchases


def bought(events: pd.DataFrame) -> Purchases:
    return read_purchases(read_table(events), amount="amount")


CREATED = "2026-01-31T12:00:00"


@pytest.fixture(scope="module")
def fitted() -> bz.CustomerDemand:
    desk = bz.CustomerDemand(
        amount="amount", backbone=None, training={"max_epochs": 1}, progress=False, random_state=0
    )
    return desk.fit(purchases(), until=UNTIL)


@pytest.fixture(scope="module")
def pages(fitted, tmp_path_factory) -> tuple[str, str]:
    """The page without what came, and the one with it."""
    folder = tmp_path_factory.mktemp("pages")
    fitted.report(folder / "held-out.html", created=CREATED)
    fitted.report(folder / "later.html", purchases(), created=CREATED)
    return tuple((folder / name).read_text(encoding="utf-8") for name in ("held-out.html", "later.html"))


def test_the_pages_stand_alone_and_are_small(pages):
    for page in pages:
        assert len(page) < 2_000_000
        assert not re.search(r"<(script|img|link|iframe)|url\(http|src=", page)


def test_figures_of_what_came_are_those_of_all_customers(fitted):
    later = fitted.evaluate(purchases())
    said = fitted.predict().sort_values("customer")
    events = purchases()
    window = events[(events["time"] >= UNTIL) & (events["time"] < "1998-07-01")]
    days = window.drop_duplicates(["customer", "time"]).groupby("customer").size()
    count = days.reindex(said["customer"], fill_value=0).to_numpy(float)
    assert later.rows == len(said)
    own = later.figures["bezant"]
    assert own["total_error"].value == pytest.approx(total_error(count, said["expected_count"].to_numpy()))
    assert own["activity_auc"].value == pytest.approx(activity_auc(count, said["p_active"].to_numpy()))
    assert later.curves.totals[""][0] == count.sum()
    assert set(later.figures) == {
        "bezant",
        "BG/NBD + Gamma-Gamma",
        "Pareto/NBD + Gamma-Gamma",
        "LightGBM on recency, frequency, money",
    }
    boosting = DemandBoosting().fit(bought(events[events["time"] < UNTIL]), np.datetime64(UNTIL), 39)
    expected = boosting.predict(bought(events), np.datetime64(UNTIL), 39)
    assert later.figures[boosting.name]["total_error"].value == pytest.approx(
        total_error(count, expected.count)
    )


def test_lightgbm_takes_no_part_where_it_has_nobody_to_learn_from(fitted):
    events = purchases()
    late = events.sort_values("time")["customer"].iloc[-1]
    some = [*events["customer"].unique()[:30], late]
    judged = fitted.evaluate(events[events["customer"].isin(some)])
    assert set(judged.figures) == {"bezant", "BG/NBD + Gamma-Gamma", "Pareto/NBD + Gamma-Gamma"}
    assert any(
        n.startswith("LightGBM on recency, frequency, money takes no part: Only") for n in judged.notes
    )


def test_each_page_shows_its_own_evaluation(fitted, pages):
    held_out, later = pages
    assert fitted.evaluation_.verdict in held_out
    assert all('<th scope="row">LightGBM on recency' in page for page in pages)
    judged = fitted.evaluate(purchases())
    assert judged.verdict in later
    assert f"{judged.curves.totals[''][0]:,.0f}" in later
    assert ">came<" in later and ">came<" not in held_out
    assert "Purchases that came" in later and "Purchases that came" not in held_out


def test_cohorts_are_the_weeks_of_the_first_purchase(fitted):
    cohorts = fitted.evaluate(purchases()).curves.cohorts
    first = purchases().groupby("customer")["time"].min()
    weeks = (first - np.timedelta64(1, "D") * first.dt.day_of_week).dt.strftime("%Y-%m-%d").value_counts()
    assert dict(zip(cohorts.labels, cohorts.customers, strict=True)) == weeks.to_dict()


def test_groups_are_those_of_segments(fitted, pages):
    for rule in fitted.segments()["rule"]:
        assert rule in pages[0]


def test_named_customers_are_drawn_with_what_is_expected(fitted, tmp_path):
    said = fitted.predict().sort_values("expected_count").iloc[-1]
    text = fitted.report(
        tmp_path / "one.html", customers=[int(said["customer"])], created=CREATED
    ).read_text()
    section = text[text.index('id="customers"') :]
    for cell in (
        f"{said['p_active']:.0%}",
        f"{said['expected_count']:.2f}",
        f"{said['expected_spend']:,.0f}",
    ):
        assert f">{cell}<" in section


def test_one_name_draws_one_customer(fitted, tmp_path):
    one = int(fitted.predict()["customer"].iloc[0])
    pages = [fitted.report(tmp_path / "c.html", customers=c, created=CREATED) for c in (one, [one])]
    assert len({page.read_text(encoding="utf-8") for page in pages}) == 1


def test_a_loaded_model_makes_the_same_page(fitted, pages, tmp_path):
    fitted.save(tmp_path / "model")
    path = bz.load(tmp_path / "model").report(tmp_path / "again.html", created=CREATED)
    assert path.read_text(encoding="utf-8") == pages[0]


def test_a_log_that_ends_too_early_is_refused(fitted, tmp_path):
    events = purchases()
    early = events[events["time"] < "1998-04-01"]
    assert fitted.reaches(events) and not fitted.reaches(early)
    with pytest.raises(
        InputError, match=r"end on 1998-03-\d\d, but 39 weeks from 1997-10-01 end on 1998-07-01"
    ):
        fitted.report(tmp_path / "no.html", early)
    with pytest.raises(InputError, match="had not bought before"):
        fitted.report(tmp_path / "no.html", customers=[-1])
    assert not (tmp_path / "no.html").exists()


def test_where_nobody_bought_no_picture_is_empty(fitted, tmp_path):
    events = purchases()
    before = events[events["time"] < UNTIL]
    last = before.tail(1).assign(time="1998-08-01")  # after the horizon, which has none
    quiet = pd.concat([before, last.astype(before.dtypes.to_dict())])
    page = fitted.report(tmp_path / "quiet.html", quiet, created=CREATED).read_text(encoding="utf-8")
    assert "Nobody bought within the horizon" in page
    assert f"None of the {before['customer'].nunique():,} customers bought" in page
    assert "nan" not in re.sub("<style>.*?</style>", "", page, flags=re.DOTALL).lower().replace("finan", "")
    assert "What the first customers hold" not in page and "Are the totals right?" not in page


def test_without_amounts_nothing_is_said_of_spend(fitted, tmp_path):
    plain = copy.copy(fitted)
    plain.amount = None
    text = plain.report(tmp_path / "plain.html", created=CREATED).read_text()
    body = text[: text.index('id="notes"')]
    assert "spend" not in body.lower()
