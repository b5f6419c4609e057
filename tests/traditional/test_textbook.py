"""The textbook networks as models, trained with the package's own loop."""

import json
import subprocess
import sys
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn.metrics import roc_auc_score

from bezant.datasets import load_table
from bezant.schema import Kind, Role, infer_schema
from bezant.traditional import TRADITIONAL, textbook
from bezant.traditional.textbook import TEXTBOOK, TextbookCNN, TextbookMLP
from bezant.types import ArtifactError, InputError

EACH = pytest.mark.parametrize("key", sorted(TEXTBOOK))
FAST = {"max_epochs": 3, "batch_size": 32, "most_values": 4}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small(rows=300, seed=0):
    """Return a typed table of numbers, categories and times with holes, its schema and labels."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=rows)
    colour = generator.choice(["red", "green", "blue"], rows)
    y = (generator.random(rows) < 1 / (1 + np.exp(-3 * x))).astype(int)
    day = np.datetime64("2001-01-01", "us") + generator.integers(0, 900, rows) * np.timedelta64(1, "D")
    table = pa.table(
        {
            "x": pa.array(np.where(generator.random(rows) < 0.1, np.nan, x), from_pandas=True),
            "constant": np.ones(rows),
            "empty": pa.nulls(rows, pa.float64()),
            "colour": pa.array([None if v == "blue" else v for v in colour]),
            "born": pa.array(day),
        }
    )
    schema = infer_schema(table).with_kind(Kind.NUMBER, "empty")
    schema = schema.with_role(Role.INPUT, *schema.names)
    return schema.conform(table).table, schema, y


def fit_small(key, rows=300, **parameters):
    table, schema, y = small(rows)
    later, _, later_y = small(100, seed=1)
    model = TEXTBOOK[key](**(FAST | parameters))
    return model.fit(table, schema, y, stopping_table=later, stopping_y=later_y), later, later_y


@cache
def fitted(key):
    return fit_small(key)


@EACH
def test_a_clear_signal_is_learned(key):
    model, later, later_y = fit_small(key, rows=600, max_epochs=12, learning_rate=3e-3)
    assert roc_auc_score(later_y, model.score_table(later)) > 0.8


def test_real_loans_are_ranked_better_than_at_random():
    table = load_table("sba-sample")
    table = table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)[:12_000]))
    schema = infer_schema(table, target="default", time="ApprovalDate")
    schema = schema.with_kind(Kind.TEXT, "NAICS").with_kind(Kind.CATEGORY, "UrbanRural")
    y, typed = table.column("default").to_numpy(), schema.conform(table).table
    train, stop, test = slice(0, 7000), slice(7000, 8000), slice(8000, None)
    parts = [typed.slice(0, 7000), typed.slice(7000, 1000), typed.slice(8000)]
    model = TextbookMLP(max_epochs=6, batch_size=64).fit(
        parts[0], schema, y[train], stopping_table=parts[1], stopping_y=y[stop]
    )
    assert roc_auc_score(y[test], model.score_table(parts[2])) > 0.65


@EACH
def test_the_same_seed_gives_the_same_scores_and_another_one_does_not(key):
    (model, later, _), (again, _, _) = fitted(key), fit_small(key)
    assert np.array_equal(again.score_table(later), model.score_table(later))
    table, schema, y = small()
    other = TEXTBOOK[key](**FAST).fit(table, schema, y, stopping_table=table, stopping_y=y, random_state=1)
    assert not np.array_equal(other.score_table(later), model.score_table(later))


@EACH
def test_the_document_is_json_and_gives_the_very_same_scores(key):
    model, later, _ = fitted(key)
    document = json.loads(json.dumps(model.to_document(), allow_nan=False))
    state = torch.get_rng_state()
    opened = TEXTBOOK[document["model"]].from_document(document)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(opened.score_table(later), model.score_table(later))
    assert opened.to_document() == model.to_document()
    table, schema, y = small()
    expected = model.final(table, schema, y).score_table(later)
    assert np.array_equal(opened.final(table, schema, y).score_table(later), expected)


@EACH
def test_the_final_network_repeats_the_chosen_epochs_and_leaves_the_first_as_it_was(key):
    model, later, _ = fitted(key)
    before, (table, schema, y) = model.score_table(later), small()
    final = model.final(table, schema, y)
    assert final.epochs_ == model.epochs_
    # the same rows, seed and number of epochs are the same run
    np.testing.assert_array_equal(final.score_table(later), before)
    more = model.final(pa.concat_tables([table, later]), schema, np.concatenate([y, y[:100]]))
    assert not np.array_equal(more.score_table(later), before)
    assert np.array_equal(model.score_table(later), before)
    assert "400 rows" in more.notes_[0]
    assert "300 rows" in model.notes_[0]


def test_training_ends_when_the_stopping_part_gains_nothing_more():
    table, schema, y = small()
    # labels turned round: every step of learning is a step away from them
    model = TextbookMLP(max_epochs=50, patience=1, batch_size=32).fit(
        table, schema, y, stopping_table=table, stopping_y=1 - y
    )
    assert model.epochs_ == 1
    assert "for 1 epoch, the best on 300 stopping rows" in model.notes_[0]


def test_rows_beyond_the_wanted_number_are_left_out_and_told():
    table, schema, y = small()
    model = TextbookMLP(**FAST, max_rows=100).fit(table, schema, y, stopping_table=table, stopping_y=y)
    assert "trained on 100 of 300 rows, drawn at random," in model.notes_[0]
    drawn = np.sort(np.random.default_rng(0).choice(300, 100, replace=False))
    by_hand = TextbookMLP(**FAST).fit(
        table.take(pa.array(drawn)), schema, y[drawn], stopping_table=table, stopping_y=y
    )
    assert np.array_equal(by_hand.score_table(table), model.score_table(table))


@EACH
def test_unseen_values_new_holes_and_few_rows_survive(key):
    model, later, _ = fitted(key)
    holes = pa.table({c: pa.nulls(later.num_rows, later.schema.field(c).type) for c in later.column_names})
    place = later.column_names.index("colour")
    unseen = later.set_column(place, "colour", pa.array(["mauve"] * later.num_rows))
    for table in (later, holes, unseen):
        scores = model.score_table(table)
        assert scores.dtype == np.float64
        assert np.all((scores > 0) & (scores < 1))
    assert model.score_table(later.slice(0, 0)).shape == (0,)
    assert model.score_table(later.slice(0, 1)).shape == (1,)


def test_a_table_scored_in_pieces_has_the_same_scores(monkeypatch):
    model, later, _ = fitted("textbook-mlp")
    whole = model.score_table(later)
    monkeypatch.setattr(textbook, "SCORING_ROWS", 33)
    np.testing.assert_allclose(model.score_table(later), whole, rtol=1e-5)


def test_merged_values_are_told():
    model, _, _ = fit_small("textbook-mlp", most_values=1)
    assert any("beyond the 1 most frequent" in n and "colour" in n for n in model.notes_)


def test_nothing_that_was_given_is_changed_nor_the_callers_random_numbers():
    table, schema, y = small()
    copy, labels, state = pa.table(table.to_pydict(), schema=table.schema), y.copy(), torch.get_rng_state()
    TextbookCNN(**FAST).fit(table, schema, y, stopping_table=table, stopping_y=y).score_table(table)
    assert table.equals(copy)
    assert np.array_equal(y, labels)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("rows", "label", "said"),
    [(15, None, "15 training rows"), (40, 0, "is 0 in all 40"), (40, 2, "other than 0")],
)
def test_too_few_rows_or_unusable_labels_are_refused_in_one_sentence(rows, label, said):
    table, schema, y = small(rows)
    y = y if label is None else np.full(rows, label)
    with pytest.raises(InputError, match=said):
        TextbookMLP().fit(table, schema, y, stopping_table=table, stopping_y=small(rows)[2])


def test_what_cannot_be_done_is_refused_in_one_sentence():
    table, schema, y = small(40)
    with pytest.raises(InputError, match="stopping part has 0 rows"):
        TextbookMLP().fit(table, schema, y, stopping_table=table.slice(0, 0), stopping_y=y[:0])
    ignored = schema.with_role(Role.IGNORED, *schema.names)
    with pytest.raises(InputError, match="is an input"):
        TextbookMLP().fit(table, ignored, y, stopping_table=table, stopping_y=y)
    with pytest.raises(InputError, match="not fitted"):
        TextbookMLP().final(table, schema, y)
    with pytest.raises(InputError, match="not fitted"):
        TextbookMLP().to_document()
    with pytest.raises(ArtifactError, match="'textbook-mlp', not 'textbook-cnn'"):
        TextbookCNN.from_document({"model": "textbook-mlp"})


def test_names_are_unique_and_the_others_import_neither_torch_nor_trees():
    assert sorted(TRADITIONAL | TEXTBOOK) == [
        "gradient-boosting",
        "scorecard",
        "textbook-cnn",
        "textbook-mlp",
        "textbook-rnn",
    ]
    heavy = "('torch', 'lightgbm', 'optbinning', 'sklearn')"
    code = f"import sys, bezant.traditional; sys.exit(any(m in sys.modules for m in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
