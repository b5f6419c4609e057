"""The logistic scorecard."""

import json
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optbinning import OptimalBinning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bezant.datasets import load_table
from bezant.schema import Kind, Role, infer_schema
from bezant.traditional import TRADITIONAL, BinnedColumn, Scorecard
from bezant.types import ArtifactError, InputError


@cache
def loans():
    """Training, stopping and later rows of the real sample, typed, with their labels."""
    table = load_table("sba-sample").sort_by("ApprovalDate")
    schema = infer_schema(table, target="default", time="ApprovalDate")
    schema = schema.with_kind(Kind.TEXT, "NAICS", "FranchiseCode").with_kind(Kind.CATEGORY, "UrbanRural")
    y = table.column("default").to_numpy()
    year = np.array([d.year for d in table.column("ApprovalDate").to_pylist()])
    first, later = np.flatnonzero(year <= 2003)[::5], np.flatnonzero(year == 2004)
    cut = int(0.85 * len(first))
    typed = schema.conform(table).table
    return schema, [(typed.take(pa.array(i)), y[i]) for i in (first[:cut], first[cut:], later)]


def fit_loans(**parameters):
    rows, y = all_rows()
    none = {"stopping_table": rows.slice(0, 0), "stopping_y": y[:0]}
    return Scorecard(**parameters).fit(rows, loans()[0], y, **none)


@cache
def fitted():
    return fit_loans()


def all_rows():
    """Return training and stopping rows in one table."""
    _, ((train, y), (held_out, held_out_y), _) = loans()
    return pa.concat_tables([train, held_out]), np.concatenate([y, held_out_y])


def small(rows, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=rows)
    colour = generator.choice(["red", "green", "blue"], rows)
    y = (generator.random(rows) < 1 / (1 + np.exp(-2 * x))).astype(int)
    y[:2] = 0, 1
    day = np.datetime64("2001-01-01", "us") + generator.integers(0, 900, rows) * np.timedelta64(1, "D")
    table = pa.table(
        {
            "x": pa.array(np.where(generator.random(rows) < 0.1, np.nan, x), from_pandas=True),
            "constant": np.ones(rows),
            "empty": pa.nulls(rows, pa.float64()),
            "blank": pa.nulls(rows, pa.string()),
            "colour": pa.array([None if v == "blue" else v for v in colour]),
            "born": pa.array(day),
        }
    )
    schema = infer_schema(table).with_kind(Kind.NUMBER, "empty").with_kind(Kind.CATEGORY, "blank")
    schema = schema.with_role(Role.INPUT, *schema.names)
    return schema.conform(table).table, schema, y


def fit_small(rows=300, **parameters):
    table, schema, y = small(rows)
    none = {"stopping_table": table.slice(0, 0), "stopping_y": y[:0]}
    return Scorecard(**parameters).fit(table, schema, y, **none), small(60, seed=1)[0]


def test_weights_of_evidence_of_numbers_equal_those_of_optbinning():
    table, y = all_rows()
    for b in fitted().bins_:
        if b.edges is None:
            continue
        values = table.column(b.name).to_numpy()
        library = OptimalBinning(name=b.name, dtype="numerical").fit(values, y)
        expected = library.transform(values, metric="woe", metric_missing="empirical")
        np.testing.assert_allclose(b.transform(values), expected, atol=1e-12)


def test_weights_of_evidence_of_categories_equal_those_of_optbinning():
    table, y = all_rows()
    b = next(b for b in fitted().bins_ if b.name == "UrbanRural")
    texts = table.column("UrbanRural").combine_chunks()
    library = OptimalBinning(name=b.name, dtype="categorical").fit(
        np.array(texts.to_pylist(), dtype=object), y
    )
    expected = library.transform(np.array(texts.to_pylist(), dtype=object), metric="woe")
    np.testing.assert_allclose(b.transform(texts), expected, atol=1e-12)
    assert b.information_value == pytest.approx(
        library.binning_table.build(show_digits=8, add_totals=False)["IV"].sum(), abs=1e-9
    )


def test_scores_equal_a_logistic_regression_on_weights_of_evidence_looked_up_row_by_row():
    table, y = all_rows()
    model, (_, _, (later, _)) = fitted(), loans()[1]

    def woe_by_hand(b, value):
        if value is None:
            j = b.bins
        elif b.edges is not None:
            j = sum(value >= e for e in b.edges)
        else:
            j = next((j for j, g in enumerate(b.groups) if value in g), b.rare)
        if j is None or b.counts[j] == 0:
            return 0.0
        good, bad = b.counts[j] - b.events[j], b.events[j]
        if good == 0 or bad == 0:
            good, bad = good + 0.5, bad + 0.5
        return np.log(good / (b.counts - b.events).sum() / (bad / b.events.sum()))

    def matrix(rows):
        return np.array([[woe_by_hand(b, row[b.name]) for b in model.bins_] for row in rows.to_pylist()])

    regression = LogisticRegression(max_iter=1000).fit(matrix(table), y)
    few = later.slice(0, 400)
    expected = regression.predict_proba(matrix(few))[:, 1]
    np.testing.assert_allclose(model.score_table(few), expected, rtol=1e-5)


def test_points_follow_the_odds_and_double_them_every_twenty():
    model, (_, _, (later, _)) = fitted(), loans()[1]
    p, points = model.score_table(later), model.score_points(later)
    np.testing.assert_allclose(points, 600 + 20 / np.log(2) * (np.log((1 - p) / p) - np.log(50)), rtol=1e-9)


def test_the_points_table_counts_every_training_row_once_in_each_column():
    model, (table, y) = fitted(), all_rows()
    points = model.points_
    assert points.column_names == ["column", "bin", "count", "event_rate", "woe", "points"]
    frame = points.to_pandas()
    assert set(frame.groupby("column")["count"].sum()) == {table.num_rows}
    events = (frame["count"] * frame["event_rate"].fillna(0)).groupby(frame["column"]).sum()
    np.testing.assert_allclose(events, y.sum())
    worth = frame[frame["count"] > 0].groupby("column")
    assert all(group["points"].corr(group["woe"]) > 0.999 for _, group in worth)


def test_no_kept_column_has_a_coefficient_of_the_wrong_sign_or_too_little_information():
    model = fitted()
    assert np.all(model.coefficients_ <= 0)
    assert all(b.information_value >= 0.02 for b in model.bins_)
    weak = [c for c, value in model.information_values_.items() if value < 0.02]
    assert weak
    assert all(any(c in n and "information value under 0.02" in n for n in model.notes_) for c in weak)


def test_later_loans_are_ranked_much_better_than_at_random():
    _, (_, _, (later, later_y)) = loans()
    assert roc_auc_score(later_y, fitted().score_table(later)) > 0.6


def test_fitting_again_gives_the_same_scores_and_a_sample_is_told():
    _, (_, _, (later, _)) = loans()
    assert np.array_equal(fit_loans().score_table(later), fitted().score_table(later))
    sampled = fit_loans(max_binning_rows=2000)
    assert "2000 of" in sampled.notes_[0]
    assert np.array_equal(fit_loans(max_binning_rows=2000).score_table(later), sampled.score_table(later))


def test_the_stopping_rows_have_no_effect_and_the_final_scorecard_is_a_new_one():
    (table, schema, y), (more, _, more_y) = small(300), small(100, seed=1)
    first = Scorecard().fit(table, schema, y, stopping_table=more, stopping_y=more_y)
    before = first.score_table(more)
    other = Scorecard().fit(table, schema, y, stopping_table=more, stopping_y=1 - more_y)
    assert np.array_equal(other.score_table(more), before)
    assert np.array_equal(first.final(table, schema, y).score_table(more), before)
    final = first.final(pa.concat_tables([table, more]), schema, np.concatenate([y, more_y]))
    assert np.array_equal(first.score_table(more), before)
    assert not np.array_equal(final.score_table(more), before)


def test_the_final_scorecard_keeps_the_parameters():
    table, schema, y = small(300)
    none = {"stopping_table": table.slice(0, 0), "stopping_y": y[:0]}
    model = Scorecard(max_binning_rows=200).fit(table, schema, y, **none)
    assert "200 of 300" in model.final(table, schema, y, random_state=5).notes_[0]


def test_the_document_is_json_and_gives_the_very_same_scores_and_points():
    model, (_, _, (later, _)) = fitted(), loans()[1]
    document = json.loads(json.dumps(model.to_document(), allow_nan=False))
    opened = TRADITIONAL[document["model"]].from_document(document)
    assert np.array_equal(opened.score_table(later), model.score_table(later))
    assert np.array_equal(opened.score_points(later), model.score_points(later))
    assert opened.points_.equals(model.points_)
    assert opened.to_document() == model.to_document()


def test_a_scorecard_without_columns_goes_through_its_document_too():
    model, later = fit_small(min_information_value=1e9)
    opened = Scorecard.from_document(json.loads(json.dumps(model.to_document())))
    assert np.array_equal(opened.score_table(later), model.score_table(later))


def test_a_foreign_document_and_an_unfitted_scorecard_are_refused():
    with pytest.raises(ArtifactError, match="'gradient-boosting', not 'scorecard'"):
        Scorecard.from_document({"model": "gradient-boosting"})
    with pytest.raises(InputError, match="not fitted"):
        Scorecard().to_document()


def test_an_unseen_category_falls_among_the_rare_ones_or_counts_for_nothing():
    model, (_, _, (later, _)) = fitted(), loans()[1]
    bank = next(b for b in model.bins_ if b.name == "Bank")
    assert bank.assign(pa.array(["No such bank", None, bank.groups[0][0]])).tolist() == [
        bank.rare,
        bank.bins,
        0,
    ]
    urban = next(b for b in model.bins_ if b.name == "UrbanRural")
    assert urban.rare is None
    assert urban.transform(pa.array(["9"])).tolist() == [0.0]
    place = later.column_names.index("UrbanRural")
    unseen = later.set_column(place, "UrbanRural", pa.array(["9"] * later.num_rows))
    p, points = model.score_table(unseen), model.score_points(unseen)
    np.testing.assert_allclose(points, 600 + 20 / np.log(2) * (np.log((1 - p) / p) - np.log(50)), rtol=1e-9)


def test_empty_and_constant_columns_and_new_missing_values_survive():
    model, later = fit_small()
    assert any("constant or empty: constant, empty, blank" in n for n in model.notes_)
    holes = pa.table({c: pa.nulls(later.num_rows, later.schema.field(c).type) for c in later.column_names})
    for table in (later, holes):
        scores = model.score_table(table)
        assert scores.dtype == np.float64
        assert np.all((scores > 0) & (scores < 1))
    assert model.score_table(later.slice(0, 0)).shape == (0,)
    assert model.score_table(later.slice(0, 1)).shape == (1,)


def test_missing_values_have_a_bin_with_their_own_weight():
    generator = np.random.default_rng(0)
    x = np.where(generator.random(500) < 0.4, np.nan, generator.normal(size=500))
    y = (generator.random(500) < np.where(np.isnan(x), 0.8, 0.2)).astype(int)
    table = pa.table({"x": pa.array(x, from_pandas=True)})
    model = Scorecard().fit(table, infer_schema(table), y, stopping_table=table.slice(0, 0), stopping_y=y[:0])
    row = model.points_.to_pylist()[-1]
    assert row["bin"] == "missing"
    assert row["count"] == np.isnan(x).sum()
    assert row["event_rate"] == pytest.approx(y[np.isnan(x)].mean())


def test_thirty_rows_are_enough_and_nothing_useful_gives_the_mean():
    model, later = fit_small(rows=30)
    assert np.isfinite(model.score_table(later)).all()
    none, later = fit_small(min_information_value=1e9)
    assert none.bins_ == ()
    assert none.points_.num_rows == 0
    y = small(300)[2]
    np.testing.assert_allclose(none.score_table(later), y.mean())
    expected = 600 + 20 / np.log(2) * (np.log((1 - y.mean()) / y.mean()) - np.log(50))
    np.testing.assert_allclose(none.score_points(later), expected)
    assert any("no column is left" in n for n in none.notes_)


def test_columns_that_are_no_inputs_and_their_order_have_no_effect():
    model, later = fit_small()
    other = later.select(later.column_names[::-1]).append_column("noise", pa.array(np.arange(later.num_rows)))
    assert np.array_equal(model.score_table(later), model.score_table(other))


def test_nothing_that_was_given_is_changed():
    table, schema, y = small(200)
    copy, labels = pa.table(table.to_pydict(), schema=table.schema), y.copy()
    Scorecard().fit(table, schema, y, stopping_table=table, stopping_y=y).score_table(table)
    assert table.equals(copy)
    assert np.array_equal(y, labels)


@pytest.mark.parametrize(
    ("rows", "label", "said"),
    [(15, None, "15 training rows"), (40, 0, "is 0 in all 40"), (40, 2, "other than 0")],
)
def test_too_few_rows_or_unusable_labels_are_refused_in_one_sentence(rows, label, said):
    table, schema, y = small(rows)
    y = y if label is None else np.full(rows, label)
    with pytest.raises(InputError, match=said):
        Scorecard().fit(table, schema, y, stopping_table=table, stopping_y=y)


@settings(max_examples=50, deadline=None)
@given(
    edges=st.lists(st.integers(-20, 20), unique=True, max_size=6),
    values=st.lists(st.one_of(st.none(), st.integers(-25, 25)), min_size=1, max_size=30),
)
def test_every_number_falls_into_the_bin_that_holds_it(edges, values):
    edges = sorted(edges)
    empty = np.zeros(len(edges) + 2, dtype=np.int64)
    binned = BinnedColumn("x", np.array(edges, dtype=float), None, None, empty, empty)
    found = binned.assign(np.array([np.nan if v is None else v for v in values], dtype=float))
    by_hand = [len(edges) + 1 if v is None else sum(v >= e for e in edges) for v in values]
    assert found.tolist() == by_hand


def test_bins_whose_counts_do_not_fit_are_refused():
    counts = np.zeros(2, dtype=np.int64)
    with pytest.raises(ValueError, match="edges or groups"):
        BinnedColumn("x", None, None, None, counts, counts)
    with pytest.raises(ValueError, match="need 3 counts"):
        BinnedColumn("x", np.zeros(1), None, None, counts, counts)
