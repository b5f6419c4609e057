"""The page of a recommender, on the industries that real banks lent to one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import bezant as bz
from bezant.types import InputError
from real_customers import SECTORS, industries, lending

CREATED = "2026-01-31T12:00:00"


@pytest.fixture(scope="module")
def fitted() -> bz.ProductRecommender:
    desk = bz.ProductRecommender(
        customer="bank", product="industry", training={"max_epochs": 2}, progress=False, random_state=0
    )
    return desk.fit(lending(), products=industries())


@pytest.fixture(scope="module")
def page(fitted, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    assert fitted.report(path, called="name", created=CREATED) == path
    return path.read_text(encoding="utf-8")


def test_the_page_stands_alone_and_is_small(page):
    assert len(page) < 2_000_000
    assert not re.search(r"<(script|img|link|iframe)|url\(http|src=", page)
    assert "31 January 2026" in page


def test_the_verdict_and_the_figures_are_those_of_the_fit(page, fitted):
    assert fitted.evaluation_.verdict in page
    for model, own in fitted.evaluation_.figures.items():
        assert model in page and f"{own['ndcg@5'].value:.3f}" in page
    assert all(f">{title}</th>" in page for title in ("NDCG@5", "Hit rate@5"))
    curve = fitted.evaluation_.curves["bezant"]
    lift = curve.hit_rate[curve.length.index(5)] / curve.by_chance[curve.length.index(5)]
    assert f"{lift:.1f}×" in page
    assert all(note.replace("'", "&#39;") in page for note in fitted.notes_)


def test_products_are_called_by_their_names_and_counted(page, fitted):
    lists = fitted.recommend(k=10)
    most = lists["industry"].value_counts().index[0]
    section = page[page.index('id="most"') : page.index('id="customers"')]
    assert f">{SECTORS[most]}<".replace("&", "&amp;") in section
    assert f"of {len(SECTORS)} products stand in a list" in section


def test_a_named_customers_expectations_are_those_recommended(fitted, tmp_path):
    bank = fitted.customers_[3].as_py()
    text = fitted.report(tmp_path / "one.html", [bank], called="name", created=CREATED).read_text()
    section = text[text.index('id="customers"') :]
    assert section.count("<figure") == 1
    lists = fitted.recommend([bank], k=5)
    places = [section.index(f">{SECTORS[p]}</text>") for p in lists["industry"]]
    assert all(place > 0 for place in places)
    scores = fitted.recommend([bank], k=len(SECTORS))["score"].to_numpy()
    best = np.exp(scores[0] - scores.max()) / np.exp(scores - scores.max()).sum()
    assert f">{100 * best:.1f}%<" in section


def test_a_customer_of_whom_nothing_is_known_is_drawn_too(fitted, tmp_path):
    text = fitted.report(tmp_path / "stranger.html", ["nobody"], created=CREATED).read_text()
    assert "Known by popularity alone." in text


def test_a_loaded_model_makes_the_same_page(fitted, page, tmp_path):
    fitted.save(tmp_path / "model")
    again = bz.load(tmp_path / "model").report(tmp_path / "again.html", called="name", created=CREATED)
    assert again.read_text(encoding="utf-8") == page


def test_a_model_that_was_not_judged_says_so(fitted, tmp_path):
    judged, fitted.evaluation_ = fitted.evaluation_, None
    try:
        text = fitted.report(tmp_path / "none.html", created=CREATED).read_text()
    finally:
        fitted.evaluation_ = judged
    assert "was not judged" in text and 'id="comparison"' not in text


def test_what_cannot_be_drawn_is_refused_and_nothing_is_written(fitted, tmp_path):
    path = tmp_path / "no.html"
    with pytest.raises(InputError, match="'title'"):
        fitted.report(path, called="title")
    with pytest.raises(InputError, match="13 customers"):
        fitted.report(path, ["a"] * 13)
    with pytest.raises(InputError, match="0 customers"):
        fitted.report(path, [])
    assert not path.exists()


def test_sets_have_a_page_without_dates(tmp_path: Path):
    events = lending(60).drop_duplicates(["bank", "industry"]).drop(columns="time")
    how = {"training": {"max_epochs": 1}, "benchmark": False, "progress": False, "random_state": 0}
    desk = bz.ProductRecommender(customer="bank", product="industry", **how)
    text = desk.fit(events).report(tmp_path / "sets.html", created=CREATED).read_text()
    section = text[text.index('id="customers"') :]
    assert "expected next" in section and not re.search(r">(19|20)\d\d-\d\d-\d\d<", section)
