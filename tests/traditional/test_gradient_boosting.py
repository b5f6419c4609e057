"""LightGBM as a careful user tunes it."""

import json
from functools import cache

import lightgbm
import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from bezant.datasets import load_table
from bezant.metrics.target_statistics import stratified_folds
from bezant.schema import Kind, Role, infer_schema
from bezant.traditional import TRADITIONAL, BoostingConfiguration, GradientBoosting
from bezant.traditional.boosting_search import SEARCH
from bezant.traditional.inputs import read_inputs
from bezant.types import ArtifactError, InputError

FAST = {
    "search": (BoostingConfiguration(num_leaves=7),),
    "learning_rate": 0.1,
    "patience": 10,
    "cross_validated_rows": 0,
    "threads": 1,
}
CROSSED = FAST | {"cross_validated_rows": 20_000}


@cache
def loans(every=5):
    """Training, stopping and later rows of the real sample, typed, with their labels."""
    table = load_table("sba-sample").sort_by("ApprovalDate")
    schema = infer_schema(table, target="default", time="ApprovalDate")
    schema = schema.with_kind(Kind.TEXT, "NAICS", "FranchiseCode").with_kind(Kind.CATEGORY, "UrbanRural")
    y = table.column("default").to_numpy()
    year = np.array([d.year for d in table.column("ApprovalDate").to_pylist()])
    first, later = np.flatnonzero(year <= 2003)[::every], np.flatnonzero(year == 2004)
    cut = int(0.85 * len(first))
    typed = schema.conform(table).table
    return schema, [(typed.take(pa.array(i)), y[i]) for i in (first[:cut], first[cut:], later)]


@cache
def fitted():
    schema, ((train, y), (held_out, held_out_y), _) = loans()
    return GradientBoosting(**FAST).fit(
        train, schema, y, stopping_table=held_out, stopping_y=held_out_y, random_state=3
    )


def small(rows, seed=0):
    """Return a typed table of numbers, categories and times with holes, its schema and labels."""
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
    later, _, later_y = small(60, seed=1)
    model = GradientBoosting(**(FAST | parameters))
    return model.fit(table, schema, y, stopping_table=later, stopping_y=later_y), later


def test_scores_on_numbers_equal_lightgbm_called_directly():
    schema, ((train, y), (held_out, held_out_y), (later, _)) = loans()
    schema = schema.with_role(Role.IGNORED, *(f.name for f in schema.inputs if f.kind is not Kind.NUMBER))
    model = GradientBoosting(**FAST).fit(
        train, schema, y, stopping_table=held_out, stopping_y=held_out_y, random_state=3
    )
    names = [f.name for f in schema.inputs]
    matrices = [np.column_stack([t.column(c).to_numpy() for c in names]) for t in (train, held_out, later)]
    direct = lightgbm.LGBMClassifier(
        n_estimators=model.rounds_,
        num_leaves=7,
        learning_rate=0.1,
        min_child_samples=20,  # what 100 becomes in a table of this size
        colsample_bytree=0.5,
        reg_lambda=1.0,
        random_state=3,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbose=-1,
    ).fit(matrices[0], y)
    expected = np.asarray(direct.booster_.predict(matrices[2]))
    np.testing.assert_allclose(model.score_table(later), expected, rtol=1e-12)


def test_later_loans_are_ranked_much_better_than_at_random():
    schema, ((train, y), (held_out, held_out_y), (later, later_y)) = loans()
    rows, labels = pa.concat_tables([train, held_out]), np.concatenate([y, held_out_y])
    # the most recent rows matter: without them the same trees rank these loans at 0.55
    assert roc_auc_score(later_y, fitted().final(rows, schema, labels).score_table(later)) > 0.62


def test_the_default_beats_lightgbms_own_defaults_on_later_loans():
    schema, ((train, y), (held_out, held_out_y), (later, later_y)) = loans(every=1)
    one = FAST | {"search": (BoostingConfiguration(),)}
    model = GradientBoosting(**one).fit(train, schema, y, stopping_table=held_out, stopping_y=held_out_y)
    everything = pa.concat_tables([train, held_out]), schema, np.concatenate([y, held_out_y])
    careful = roc_auc_score(later_y, model.final(*everything).score_table(later))
    train, y = pa.concat_tables([train, held_out]), np.concatenate([y, held_out_y])
    columns = [f.name for f in schema.inputs]
    frames = [t.select(columns).to_pandas() for t in (train, later)]
    for name in (f.name for f in schema.inputs if f.kind is not Kind.NUMBER):
        known = {v: i for i, v in enumerate(frames[0][name].dropna().unique())}
        for frame in frames:
            frame[name] = frame[name].map(known).fillna(-1).astype(int)
    categorical = [i for i, f in enumerate(schema.inputs) if f.kind is not Kind.NUMBER]
    plain = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1},
        lightgbm.Dataset(
            frames[0].to_numpy(float), y, categorical_feature=categorical, params={"verbose": -1}
        ),
    )
    assert careful > roc_auc_score(later_y, plain.predict(frames[1].to_numpy(float))) + 0.01


def test_the_configuration_with_the_lowest_validation_loss_is_kept_and_told():
    schema, ((train, y), (held_out, held_out_y), _) = loans()
    search = (
        BoostingConfiguration(num_leaves=3),
        BoostingConfiguration(min_category_rows=None, num_leaves=7),
    )
    model = GradientBoosting(**(FAST | {"search": search})).fit(
        train, schema, y, stopping_table=held_out, stopping_y=held_out_y
    )
    losses = [loss for _, loss, _ in model.search_]
    assert model.configuration_ == search[int(np.argmin(losses))]
    assert log_loss(held_out_y, model.score_table(held_out)) == pytest.approx(min(losses), rel=1e-9)
    assert str(model.configuration_) in model.notes_[0]
    assert f"{losses[0]:.4f}, {losses[1]:.4f}" in model.notes_[0]


def test_the_final_model_learns_the_chosen_trees_from_all_rows_and_leaves_the_first_as_it_was():
    table, schema, y = small(400)
    later, _, later_y = small(100, seed=1)
    model = GradientBoosting(**FAST).fit(table, schema, y, stopping_table=later, stopping_y=later_y)
    before = model.score_table(later)
    final = model.final(pa.concat_tables([table, later]), schema, np.concatenate([y, later_y]))
    assert np.array_equal(model.score_table(later), before)
    assert not np.array_equal(final.score_table(later), before)
    assert final.booster_.num_trees() == final.rounds_ == model.rounds_
    assert "grown on 400 rows" in model.notes_[0]
    assert "grown on 500 rows" in final.notes_[0]
    again = model.final(table, schema, y)  # on the rows of the first model: the very same trees
    assert np.array_equal(again.score_table(later), before)


def test_a_small_table_is_cross_validated_and_the_stopping_rows_have_no_effect():
    table, schema, y = small(400)
    later, _, later_y = small(100, seed=1)
    models = [
        GradientBoosting(**CROSSED).fit(table, schema, y, stopping_table=later, stopping_y=labels)
        for labels in (later_y, 1 - later_y)
    ]
    assert np.array_equal(models[0].score_table(later), models[1].score_table(later))
    assert "5-fold cross-validation of 400" in models[0].notes_[0]
    assert models[0].booster_.num_trees() == models[0].rounds_


def test_the_cross_validated_loss_and_trees_equal_those_of_a_loop_by_hand():
    table, schema, y = small(150)
    model = GradientBoosting(**CROSSED).fit(table, schema, y, stopping_table=table, stopping_y=y)
    grown = model.rounds_ + model.patience
    fold, curves = stratified_folds(y, 5, 0), []
    matrix = model._codes.matrix(read_inputs(table, schema), 150)
    parameters = model._parameters(model.configuration_, 150, 0) | {"learning_rate": 0.1}
    for k in range(5):
        # LightGBM bins on all rows in its cross-validation; so does a subset of one data set
        whole = lightgbm.Dataset(
            matrix, y, categorical_feature=model._codes.categorical, params=parameters, free_raw_data=False
        ).construct()
        train = whole.subset(np.flatnonzero(fold != k).tolist())
        booster = lightgbm.train(parameters, train, grown)
        inside = fold == k
        curves.append(
            [log_loss(y[inside], booster.predict(matrix[inside], num_iteration=n + 1)) for n in range(grown)]
        )
    mean = np.mean(curves, axis=0)
    assert model.rounds_ == int(np.argmin(mean)) + 1
    assert model.search_[0][1] == pytest.approx(mean.min(), rel=1e-6)


def test_configurations_that_are_the_same_in_a_table_are_tried_once():
    table, schema, y = small(200)
    search = (
        BoostingConfiguration(num_leaves=7),
        BoostingConfiguration(num_leaves=7, min_category_rows=30),  # no column is high-cardinality
        BoostingConfiguration(num_leaves=7, min_child_samples=50),  # lowered to the same in 200 rows
        BoostingConfiguration(num_leaves=3),
    )
    model = GradientBoosting(**(FAST | {"search": search})).fit(
        table, schema, y, stopping_table=table, stopping_y=y
    )
    assert [c for c, _, _ in model.search_] == [search[0], search[3]]
    assert "best of 2 configurations" in model.notes_[0]


def test_the_default_search_holds_the_library_defaults_small_trees_and_rarer_values():
    defaults = lightgbm.LGBMClassifier().get_params()
    assert any(
        c.num_leaves == defaults["num_leaves"]
        and c.min_child_samples == defaults["min_child_samples"]
        and c.feature_fraction == defaults["colsample_bytree"]
        and c.lambda_l2 == defaults["reg_lambda"]
        and c.min_category_rows == 1
        for c in SEARCH
    )
    assert any(c.num_leaves == 7 for c in SEARCH)
    assert any(c.min_category_rows == 30 for c in SEARCH)
    assert any(c.min_category_rows is None for c in SEARCH)


@pytest.mark.parametrize("crossed", [0, 20_000])
def test_the_document_is_json_and_gives_the_very_same_scores(crossed):
    schema, ((train, y), (held_out, held_out_y), (later, _)) = loans()
    model = GradientBoosting(**(FAST | {"cross_validated_rows": crossed})).fit(
        train, schema, y, stopping_table=held_out, stopping_y=held_out_y
    )
    for fitted_model in (model, model.final(held_out, schema, held_out_y)):
        document = json.loads(json.dumps(fitted_model.to_document(), allow_nan=False))
        assert document["model"] == "gradient-boosting"
        opened = TRADITIONAL[document["model"]].from_document(document)
        assert np.array_equal(opened.score_table(later), fitted_model.score_table(later))
        assert opened.to_document() == fitted_model.to_document()
        again = opened.final(held_out, schema, held_out_y).score_table(later)
        assert np.array_equal(again, fitted_model.final(held_out, schema, held_out_y).score_table(later))


def test_a_foreign_document_and_an_unfitted_model_are_refused():
    with pytest.raises(ArtifactError, match="'scorecard', not 'gradient-boosting'"):
        GradientBoosting.from_document({"model": "scorecard"})
    table, schema, y = small(60)
    with pytest.raises(InputError, match="not fitted"):
        GradientBoosting(**FAST).final(table, schema, y)
    with pytest.raises(InputError, match="not fitted"):
        GradientBoosting(**FAST).to_document()


def test_the_same_seed_gives_the_same_scores():
    schema, ((train, y), (held_out, held_out_y), (later, _)) = loans()
    again = GradientBoosting(**FAST).fit(
        train, schema, y, stopping_table=held_out, stopping_y=held_out_y, random_state=3
    )
    assert np.array_equal(again.score_table(later), fitted().score_table(later))


def test_the_number_of_threads_changes_no_score():
    one, later = fit_small(rows=100, threads=1)
    two, _ = fit_small(rows=100, threads=2)
    assert np.array_equal(one.score_table(later), two.score_table(later))


def test_an_unseen_category_scores_as_a_missing_one_and_an_unseen_bank_as_a_rare_one():
    _, (_, _, (later, _)) = loans()
    model, banks = fitted(), later.column("Bank").to_pylist()
    place = later.column_names.index("UrbanRural")
    unseen, missing = (
        later.set_column(place, "UrbanRural", pa.array([v] * later.num_rows, pa.string()))
        for v in ("9", None)
    )
    assert np.array_equal(model.score_table(unseen), model.score_table(missing))
    known = set(model._codes.values["Bank"].to_pylist())
    rare = next(b for b in banks if b is not None and b not in known)
    place = later.column_names.index("Bank")
    unseen, seldom = (
        later.set_column(place, "Bank", pa.array([v] * later.num_rows, pa.string()))
        for v in ("No Bank", rare)
    )
    assert np.array_equal(model.score_table(unseen), model.score_table(seldom))


def test_empty_and_constant_columns_and_new_missing_values_survive():
    model, later = fit_small()
    holes = pa.table({c: pa.nulls(later.num_rows, later.schema.field(c).type) for c in later.column_names})
    for table in (later, holes):
        scores = model.score_table(table)
        assert scores.dtype == np.float64
        assert np.all((scores > 0) & (scores < 1))
    assert model.score_table(later.slice(0, 0)).shape == (0,)
    assert model.score_table(later.slice(0, 1)).shape == (1,)


@pytest.mark.parametrize("crossed", [0, 20_000])
def test_thirty_rows_are_enough(crossed):
    model, later = fit_small(rows=30, cross_validated_rows=crossed)
    assert np.ptp(model.score_table(later)) > 0


def test_columns_that_are_no_inputs_and_their_order_have_no_effect():
    model, later = fit_small()
    other = later.select(later.column_names[::-1]).append_column("noise", pa.array(np.arange(later.num_rows)))
    assert np.array_equal(model.score_table(later), model.score_table(other))


def test_a_time_is_read_as_its_age_at_the_ordering_time():
    born = pa.array(np.array(["2001-01-01", "2002-03-01"], "datetime64[us]"))
    table = pa.table(
        {"born": born, "now": pa.array(np.array(["2001-01-31", "2002-03-01"], "datetime64[us]"))}
    )
    schema = infer_schema(table, time="now")
    assert schema.field("born").role is Role.INPUT
    numbers = read_inputs(table, schema).numbers
    assert numbers["born (age in days)"].tolist() == [30.0, 0.0]
    assert numbers["born (month)"].tolist() == [1.0, 3.0]
    assert set(numbers) == {"born (age in days)", "born (month)"}


def test_nothing_that_was_given_is_changed():
    table, schema, y = small(200)
    copy, labels = pa.table(table.to_pydict(), schema=table.schema), y.copy()
    GradientBoosting(**FAST).fit(table, schema, y, stopping_table=table, stopping_y=y).score_table(table)
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
        GradientBoosting(**FAST).fit(table, schema, y, stopping_table=table, stopping_y=y)


def test_an_empty_stopping_part_and_a_missing_column_are_refused():
    table, schema, y = small(60)
    with pytest.raises(InputError, match="stopping part has 0 rows"):
        GradientBoosting(**FAST).fit(table, schema, y, stopping_table=table.slice(0, 0), stopping_y=y[:0])
    model, later = fit_small()
    with pytest.raises(InputError, match="'colour'"):
        model.score_table(later.drop_columns(["colour"]))


def test_a_search_that_leaves_no_column_is_refused():
    table = pa.table({"bank": [f"bank {i}" for i in range(100)]})
    schema, y = infer_schema(table, kinds={"bank": Kind.TEXT}), np.arange(100) % 2
    schema = schema.with_role(Role.INPUT, "bank")
    without = BoostingConfiguration(min_category_rows=None)
    with pytest.raises(InputError, match="more than 64 distinct"):
        GradientBoosting(**(FAST | {"search": (without,)})).fit(
            table, schema, y, stopping_table=table, stopping_y=y
        )


def test_answers_out_of_fold_know_nothing_of_a_rows_own_label():
    """Labels drawn by chance cannot be told from the inputs, though trees learn them by heart."""
    table, schema, _ = small(600)
    y = np.random.default_rng(1).integers(0, 2, 600)
    model = GradientBoosting(**FAST | {"patience": 40})
    assert 0.4 < roc_auc_score(y, model.out_of_fold(table, schema, y)) < 0.6
    model.fit(table, schema, y, stopping_table=table, stopping_y=y)
    assert roc_auc_score(y, model.score_table(table)) > 0.65


def test_answers_out_of_fold_rank_real_loans_as_well_as_held_out_ones():
    schema, ((train, y), _, _) = loans()
    model = GradientBoosting(**FAST)
    p = model.out_of_fold(train, schema, y, random_state=2)
    assert p.shape == y.shape
    assert 0 < p.min() <= p.max() < 1
    assert roc_auc_score(y, p) > 0.68
    np.testing.assert_array_equal(p, model.out_of_fold(train, schema, y, random_state=2))
    assert not hasattr(model, "booster_")
