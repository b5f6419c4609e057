"""The recommender on customers whose products come in a circle, by all its doors."""

from __future__ import annotations

import copy
from contextlib import nullcontext

import numpy as np
import pandas as pd
import polars as pl
import pytest

import bezant as bz
from bezant.desks.customers import recommender, recommending, rivals
from bezant.traditional.recommendation import Popularity, SequentialRules
from bezant.types import InputError

PRODUCTS = 10
TRAINING = {"max_epochs": 3, "batch_size": 32, "learning_rate": 0.01}


def circle(customers: int = 60) -> pd.DataFrame:
    """After product i comes i + 1."""
    rng = np.random.default_rng(0)
    rows = []
    for c in range(customers):
        first = rng.integers(PRODUCTS)
        for i in range(rng.integers(3, 7)):
            day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(i))
            rows.append((f"c{c:02d}", f"p{(first + i) % PRODUCTS}", day, float(rng.normal())))
    frame = pd.DataFrame(rows, columns=["customer", "product", "time", "amount"])
    return frame.sample(frac=1, random_state=0)


PROFILES = pd.DataFrame({"customer": [f"c{c:02d}" for c in range(62)], "age": np.arange(62) % 7})
ATTRIBUTES = pd.DataFrame(
    {
        "product": [f"p{i}" for i in range(11)],
        "kind": ["odd loan" if i % 2 else "even card" for i in range(11)],
    }
)


@pytest.fixture(scope="module")
def fitted() -> bz.ProductRecommender:
    model = bz.ProductRecommender(training=TRAINING, random_state=0)
    return model.fit(circle(), PROFILES, products=ATTRIBUTES)


def test_the_next_of_the_circle_comes_first_and_the_fit_is_judged(fitted):
    assert fitted.evaluation_.rows == 60
    assert fitted.evaluation_.figures["bezant"]["reciprocal_rank"].value > 0.9
    assert set(fitted.evaluation_.differences) == {"Popularity", "Sequential rules"}
    assert fitted.evaluation_.verdict in fitted.notes_
    lists = fitted.recommend([f"c{i:02d}" for i in range(20)], k=1)
    events = circle().sort_values(["customer", "time"])
    last = events.groupby("customer")["product"].last()
    right = [
        f"p{(int(last[c][1:]) + 1) % PRODUCTS}" == p
        for c, p in zip(lists.customer, lists["product"], strict=True)
    ]
    assert np.mean(right) > 0.9


def test_nothing_owned_is_recommended_unless_asked_for(fitted):
    owned = set(map(tuple, circle()[["customer", "product"]].to_numpy()))
    lists = fitted.recommend(k=11)
    assert not owned & set(map(tuple, lists[["customer", "product"]].to_numpy()))
    assert len(fitted.recommend(k=11, exclude_owned=False)) == 62 * 11
    assert (
        lists.groupby("customer")["rank"].apply(list).map(lambda r: r == list(range(1, len(r) + 1)))
    ).all()
    assert (lists.groupby("customer")["score"].diff().dropna() <= 0).all()


def test_everyone_gets_a_list_and_it_says_on_what_ground(fitted):
    lists = fitted.recommend(["c00", "c61", "stranger"], k=2)
    assert lists.groupby("customer")["basis"].first().to_dict() == {
        "c00": "events", "c61": "profile", "stranger": "popularity",
    }  # fmt: skip
    counts = circle()["product"].value_counts()
    best = lists[lists.customer == "stranger"].iloc[0]["product"]
    assert counts[best] == counts.max()
    assert len(fitted.recommend([], k=2)) == 0
    alone = fitted.recommend(["stranger"], k=2)
    assert alone["product"].tolist() == lists[lists.customer == "stranger"]["product"].tolist()


def test_one_name_is_one_customer(fitted, tmp_path):
    assert fitted.recommend("c00", k=2).equals(fitted.recommend(["c00"], k=2))
    assert fitted.because("c00", k=1).equals(fitted.because(["c00"], k=1))
    page = fitted.report(tmp_path / "one.html", "c00").read_text(encoding="utf-8")
    assert "Customer c00" in page and "Customer c01" not in page


def test_a_product_that_nobody_took_has_the_scores_of_those_like_it(fitted):
    lists = fitted.recommend(["c00"], k=11, exclude_owned=False).set_index("product")["score"]
    alike = [f"p{i}" for i in range(0, 10, 2)]
    assert lists["p10"] == pytest.approx(lists[alike].mean())


@pytest.mark.parametrize("what", ["events", "profiles", "products"])
def test_infinite_values_are_missing_ones_and_that_is_said(what):
    events, profiles = circle(), PROFILES.astype({"age": float})
    products = ATTRIBUTES.assign(rate=np.arange(11.0))
    frame, column = {
        "events": (events, "amount"),
        "profiles": (profiles, "age"),
        "products": (products, "rate"),
    }[what]
    lists = []
    for value in (np.inf, np.nan):
        frame.loc[frame.index[:3], column] = value
        model = bz.ProductRecommender(training={"max_epochs": 1}, random_state=0)
        lists.append(model.fit(events, profiles, products=products).recommend(["c00", "c61"]))
        said = f"Of the {what}: Column {column!r}: 3 of {len(frame)} rows are infinite and count as missing."
        rows = model.notes_.count(said.replace(f"of {len(frame)}", "of 62") if what == "profiles" else said)
        assert rows == (value == np.inf)
    pd.testing.assert_frame_equal(*lists)


def test_rules_families_and_variety_hold(fitted):
    lists = fitted.recommend(k=4, filters=[lambda c, p: c != "c01" or p != "p3", {"p4": False}])
    assert "p4" not in set(lists["product"])
    assert not ((lists.customer == "c01") & (lists["product"] == "p3")).any()
    with pytest.warns(UserWarning, match=r"leave 13 of 62 customers none"):  # they have both already
        assert set(fitted.recommend(k=4, filters={"p1", "p2"})["product"]) <= {"p1", "p2"}
    kinds = dict(zip(ATTRIBUTES["product"], ATTRIBUTES["kind"], strict=True))
    one = fitted.recommend(k=4, family="kind")
    assert one.assign(kind=one["product"].map(kinds)).groupby(["customer", "kind"]).size().max() == 1
    assert fitted.recommend(k=4, family=kinds).equals(one)
    mixed = fitted.recommend(k=2, diversity=1.0)
    plain = fitted.recommend(k=2)
    assert pd.Series(mixed["product"].map(kinds)).groupby(mixed.customer).nunique().mean() > (
        plain["product"].map(kinds).groupby(plain.customer).nunique().mean()
    )


def test_filters_that_leave_nothing_are_said(fitted):
    with pytest.warns(UserWarning, match=r"leave 2 of 2 customers none of the 11 products that they do not"):
        assert not len(fitted.recommend(["c00", "c61"], filters=lambda c, p: False))
    with pytest.warns(UserWarning, match=r"leave 1 of 1 customer none of the 11 products: they are") as said:
        fitted.recommend("c00", filters=[], exclude_owned=False)
    assert said[0].filename == __file__
    with pytest.warns(UserWarning, match="leave 1 of 2 customers"):
        lists = fitted.recommend(["c00", "c61"], filters=lambda c, p: c == "c61")
    assert set(lists.customer) == {"c61"}


def test_a_filter_of_one_text_is_one_product_and_an_unknown_one_is_named(fitted):
    assert set(fitted.recommend(["c61"], filters="p10")["product"]) == {"p10"}
    assert len(fitted.recommend(["c61"], k=11, filters={"p10": True})) == 11  # others stay allowed
    with pytest.raises(
        InputError, match=r"names 'p99', which is none of the 11 products .*leave it out, or fit"
    ):
        fitted.recommend(filters={"p99"})
    with pytest.raises(InputError, match=r"names 'p1O', which is .*did you mean 'p1\d?'\? Else leave it out"):
        fitted.recommend(filters={"p1O": True})
    with pytest.raises(InputError, match=r"names 'x' and 2 others, which are none .*leave them out"):
        fitted.recommend(filters=["x", "y", "z"])


def test_the_record_before_is_the_reason(fitted):
    first = fitted.recommend([f"c{i:02d}" for i in range(20)], k=1, because=True)
    events = circle().sort_values(["customer", "time"])
    last = events.groupby("customer")["product"].last()
    assert np.mean(first["because"].to_numpy() == last[first.customer].to_numpy()) > 0.8
    reasons = fitted.because(["c00", "c61"], k=1, records=2)
    assert set(reasons.customer) == {"c00"}
    assert (reasons["effect"] > 0).all() and len(reasons) <= 2
    assert reasons.iloc[0]["because"] == first.iloc[0]["because"]


def test_a_saved_model_recommends_the_same(fitted, tmp_path):
    again = bz.load(fitted.save(tmp_path / "model"))
    assert again.recommend(k=3).equals(fitted.recommend(k=3))
    assert again.evaluation_ == fitted.evaluation_ and again.notes_ == fitted.notes_
    assert again.get_params() == fitted.get_params()


@pytest.mark.parametrize(
    "kind", [pl.DataFrame, lambda f: pl.from_pandas(f).to_arrow()], ids=["polars", "arrow"]
)
def test_the_answer_is_of_the_kind_of_the_events(kind):
    events = kind(circle(20).drop(columns="amount"))
    before = copy.deepcopy(events)
    model = bz.ProductRecommender(training={"max_epochs": 1}, benchmark=False).fit(events)
    assert type(model.recommend(k=1)) is type(events)
    assert events.equals(before)
    assert model.evaluation_ is None


def test_the_weighing_of_pairs_is_told_fold_by_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int, int]] = []

    class Drawn:
        def __call__(self, progress) -> None:
            pass

        def step(self, title: str, done: int, total: int) -> None:
            told.append((title, done, total))

    monkeypatch.setattr(recommender, "shown", lambda *given: nullcontext(Drawn()))
    bz.ProductRecommender(training={"max_epochs": 1}, benchmark=False).fit(circle(20))
    assert told == [("Weighing pairs of products", k, 5) for k in range(5)]


def test_events_without_times_are_sets():
    events = circle().drop(columns=["time", "amount"])
    model = bz.ProductRecommender(training={"max_epochs": 40, "batch_size": 32, "learning_rate": 0.02})
    model.fit(events, PROFILES)
    assert "read as sets" in model.notes_[0]
    assert "LightGBM one-vs-rest" in model.evaluation_.differences
    assert model.evaluation_.figures["bezant"]["reciprocal_rank"].value > (
        model.evaluation_.figures["Popularity"]["reciprocal_rank"].value
    )
    lists = model.recommend(["c00", "c61"], k=2)
    assert lists["basis"].tolist() == ["events", "events", "profile", "profile"]


@pytest.mark.parametrize("order", [True, False])
def test_all_traditional_models_take_part_where_that_is_asked_for(order, tmp_path):
    events = circle() if order else circle().drop(columns=["time", "amount"])
    model = bz.ProductRecommender(training={"max_epochs": 1}, benchmark="full").fit(events)
    usual = {"Popularity", "Sequential rules" if order else "LightGBM one-vs-rest"}
    assert set(model.evaluation_.differences) >= usual | {"EASE", "Item-kNN"}
    missing = any(n.startswith("ALS (implicit) takes no part: ") and "install" in n for n in model.notes_)
    assert missing != ("ALS (implicit)" in model.evaluation_.differences)
    assert any(n.startswith("The settings of Item-kNN, EASE") for n in model.notes_) == order
    page = model.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(f'<th scope="row">{name}' in page for name in model.evaluation_.differences)


def test_models_of_all_pairs_take_no_part_where_products_are_many(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rivals, "MOST_PAIRED", PRODUCTS - 1)
    data = bz.ProductRecommender(training={"max_epochs": 1}, benchmark=False).fit(circle()).data_
    found, notes = rivals.rival_scores(data, data, "full", in_time=True)
    assert not {"EASE", "Item-kNN"} & set(found)
    assert "EASE takes no part: 10 products are too many for all their pairs." in notes


def test_settings_of_a_rival_are_chosen_on_the_event_before(fitted):
    data = fitted.data_.only(np.arange(11) < PRODUCTS)
    good, bad = SequentialRules(steps=1, half_life=0.5), Popularity()
    assert rivals._chosen([bad, good], data) is good and rivals._chosen([good, bad], data) is good


def test_the_same_seed_gives_the_same_lists():
    events = circle(20)
    one, two = (
        bz.ProductRecommender(training={"max_epochs": 1}, benchmark=False, random_state=3).fit(events)
        for _ in range(2)
    )
    assert one.recommend(k=3).equals(two.recommend(k=3))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: e.rename(columns={"product": "item"}), "product"),
        (lambda e: e.iloc[:0], "0 events"),
        (lambda e: e.assign(product="p1"), "name 1 product"),
        (lambda e: e.assign(customer=e.customer.where(e.customer != "c01")), "is missing in"),
    ],
)
def test_events_that_cannot_be_used_are_refused_in_a_sentence(change, said):
    with pytest.raises(InputError, match=said):
        bz.ProductRecommender().fit(change(circle(5)))


@pytest.mark.parametrize("kind", [int, str])
def test_seconds_since_1970_are_the_dates_that_they_are(kind):
    dated = circle(20)
    counted = dated.assign(time=(dated["time"].astype("datetime64[s]").astype("int64")).astype(kind))
    one, two = (
        bz.ProductRecommender(training={"max_epochs": 1}, benchmark=False).fit(events)
        for events in (dated, counted)
    )
    np.testing.assert_allclose(one.data_.events.day, two.data_.events.day)
    assert one.recommend(k=3).equals(two.recommend(k=3))


def test_settings_and_questions_that_cannot_be_used_are_refused(fitted):
    for wrong in (
        {"size": "huge"},
        {"backbone": "lstm"},
        {"random_state": -1},
        {"members": 0},
        {"benchmark": "all"},
    ):
        with pytest.raises(InputError):
            bz.ProductRecommender(**wrong).fit(circle(5))
    for wrong in (
        {"k": 0},
        {"diversity": 2},
        {"diversity": None},
        {"filters": {"p99"}},
        {"family": "colour"},
        {"customers": [1]},
    ):
        with pytest.raises(InputError):
            fitted.recommend(**wrong)
    with pytest.raises(InputError, match="repeat"):
        bz.ProductRecommender().fit(circle(5), pd.concat([PROFILES, PROFILES]))


def test_a_list_is_the_best_by_score_less_likeness():
    scores = np.array([[3.0, 2.9, 1.0]])
    vectors = np.array([[1.0, 0], [1.0, 0], [0, 1.0]])
    allowed = np.ones((1, 3), bool)
    plain = recommending.choose(scores, allowed, 2)
    mixed = recommending.choose(scores, allowed, 2, diversity=1.0, vectors=vectors)
    assert plain.tolist() == [[0, 1]] and mixed.tolist() == [[0, 2]]
    assert recommending.choose(scores, np.array([[False, True, False]]), 2).tolist() == [[1, -1]]
    assert recommending.choose(scores, allowed, 10**9).tolist() == [[0, 1, 2]]


def test_cold_products_borrow_from_those_most_like_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommending, "AT_ONCE", 3)
    draw = np.random.default_rng(0)
    scores, vectors = draw.normal(size=(5, 40)), np.maximum(draw.normal(size=(40, 6)), 0)
    cold = np.array([1, 4, 7, 20, 39])
    vectors[7] = 0.0  # like none
    found = recommending.borrowed(scores, cold, vectors)
    known = np.setdiff1d(np.arange(40), cold)
    for place in cold:
        likeness = vectors[known] @ vectors[place]
        best = np.argsort(-likeness, kind="stable")[: recommending.ALIKE]
        if place == 7:
            wanted = scores[:, known].min(axis=1)
        else:
            wanted = scores[:, known[best]] @ likeness[best] / likeness[best].sum()
        np.testing.assert_allclose(found[:, place], wanted)
    np.testing.assert_array_equal(found[:, known], scores[:, known])
