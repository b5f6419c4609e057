"""HistoryModel: pretraining, vectors, surprise, and what a desk makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.exceptions import NotFittedError

import bezant as bz
from bezant.desks.pretraining.history_model import pretrained_records
from bezant.desks.pretraining.history_notes import copies_note
from bezant.desks.pretraining.history_rows import rows_of
from bezant.network.history import HORIZONS
from bezant.training.plan import TablePlan
from bezant.types import InputError

QUICK = {"max_epochs": 4, "batch_size": 64}


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    """Purchases of 500 customers of CDNOW's published tenth."""
    every = bz.datasets.load("cdnow-sample")
    return every[every["customer"].isin(every["customer"].unique()[:500])].reset_index(drop=True)


@pytest.fixture(scope="module")
def model(events: pd.DataFrame) -> bz.HistoryModel:
    return bz.HistoryModel(size="tiny", training=QUICK, random_state=0).pretrain(events)


def test_a_vector_for_each_entity(model: bz.HistoryModel, events: pd.DataFrame) -> None:
    found = model.embed(events)
    assert isinstance(found, pd.DataFrame)
    assert sorted(found["customer"].astype(int)) == sorted(events["customer"].unique())
    assert np.isfinite(found.drop(columns="customer").to_numpy()).all()


def test_the_first_components_of_the_vectors_are_apart_and_equally_wide(
    model: bz.HistoryModel, events: pd.DataFrame
) -> None:
    whole = model.embed(events).drop(columns="customer").to_numpy()
    few = model.embed(events, components=3).drop(columns="customer").to_numpy()
    forecast = whole[:, -HORIZONS:]
    _, _, right = np.linalg.svd(forecast - forecast.mean(0), full_matrices=False)
    assert abs(np.corrcoef(few[:, 0], forecast @ right[0])[0, 1]) > 0.95
    assert np.abs(np.corrcoef(few.T) - np.eye(3)).max() < 0.3
    with pytest.raises(InputError, match=r"^components is a whole number from 1 on, up to the 32 .*, not 0"):
        model.embed(events, components=0)


def test_the_order_of_events_does_not_matter(model: bz.HistoryModel, events: pd.DataFrame) -> None:
    untied = events.drop_duplicates(["customer", "time"])
    mixed = untied.sample(frac=1, random_state=1)
    one, other = (model.embed(e).set_index("customer").sort_index() for e in (untied, mixed))
    np.testing.assert_allclose(one.to_numpy(), other.to_numpy(), atol=1e-5)


def test_a_surprise_for_each_record_that_its_fields_add_up_to(
    model: bz.HistoryModel, events: pd.DataFrame
) -> None:
    found = model.surprise(events)
    assert len(found) == len(events)
    parts = [c for c in found.columns if c.startswith("surprise_")]
    np.testing.assert_allclose(found[parts].sum(axis=1), found["surprise"], rtol=1e-4)
    first = found.groupby("row").head(1)
    assert (first["surprise_gap"] == 0).all()


def test_what_comes_later_does_not_change_a_surprise(model: bz.HistoryModel, events: pd.DataFrame) -> None:
    untied = events.drop_duplicates(["customer", "time"])
    known = untied[untied["time"] < pd.Timestamp("1997-06-01")]
    garbage = untied.copy()
    garbage.loc[garbage["time"] >= pd.Timestamp("1997-06-01"), "amount"] = 1e6
    before, after = model.surprise(known), model.surprise(garbage)
    name = model.schema_.time
    both = before.merge(after, on=["customer", name], suffixes=("", "_later"))
    assert len(both) == len(before)
    np.testing.assert_allclose(both["surprise"], both["surprise_later"], atol=1e-3)


def test_training_makes_held_out_records_less_surprising(model: bz.HistoryModel) -> None:
    losses = [e.held_out_loss for e in model.history_.epochs]
    assert losses[-1] is not None and losses[0] is not None
    assert losses[-1] < losses[0]


def test_most_positions_computed_are_records(model: bz.HistoryModel) -> None:
    note = next(n for n in model.notes_ if n.startswith("Of the positions"))
    assert float(note.split("computes, ")[1].split("%")[0]) >= 85


@pytest.mark.parametrize("kind", ["rnn", "cnn"])
def test_most_positions_of_other_backbones_are_records_too(
    kind: Literal["rnn", "cnn"], events: pd.DataFrame
) -> None:
    few = events[events["customer"].isin(events["customer"].unique()[:150])]
    found = bz.HistoryModel(size="tiny", backbone=kind, training={"max_epochs": 1}).pretrain(few)
    note = next(n for n in found.notes_ if n.startswith("Of the positions"))
    assert float(note.split("computes, ")[1].split("%")[0]) >= 85


def test_the_notes_say_what_histories_tell_beyond_frequencies(model: bz.HistoryModel) -> None:
    note = next(n for n in model.notes_ if "from the frequencies of values alone" in n)
    own, alone = (float(part.split(" nats")[0].split(" from")[0]) for part in note.split(" by ")[1:])
    assert 0 < own < alone


def test_events_that_stand_twice_are_counted(events: pd.DataFrame, model: bz.HistoryModel) -> None:
    once = events.drop_duplicates().head(60)
    found = copies_note(rows_of(pd.concat([once, once.head(7)]), "customer", "time")[0])
    assert found[0].startswith("7 of 67 records are the same in every column")
    assert not copies_note(rows_of(once, "customer", "time")[0])


def test_silence_until_the_cut_is_learned_from(events: pd.DataFrame) -> None:
    """Of two customers with the same records, the one who is looked at later is less likely to come back."""
    rows = pd.DataFrame({"customer": events["customer"].unique(), "cut": pd.Timestamp("1997-10-01")})
    table = bz.with_records(rows, events, entity="customer", time="time", until="cut")
    table = table[["cut", "records"]]
    training = {"max_epochs": 25, "batch_size": 64}
    found = bz.HistoryModel(size="tiny", until="cut", terms=("later",), training=training).pretrain(table)
    one = table.head(1)
    late, early = (found.embed(one.assign(cut=pd.Timestamp(t))) for t in ("1997-09-30", "1997-02-15"))
    assert (late.iloc[:, -3:].to_numpy() < early.iloc[:, -3:].to_numpy()).all()
    with pytest.raises(InputError, match=r"'cut' .* is missing in 1 of 1 rows"):
        found.embed(one.assign(cut=pd.NaT))
    with pytest.raises(InputError, match="'cut'"):
        found.embed(one.drop(columns="cut"))


def test_amounts_that_were_tampered_with_stand_out(model: bz.HistoryModel, events: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    changed = events.sort_values(["customer", "time"], kind="stable").reset_index(drop=True)
    planted = rng.random(len(changed)) < 0.1
    changed.loc[planted, "amount"] = changed["amount"].max() * 3
    found = model.surprise(changed)
    from sklearn.metrics import roc_auc_score

    keys = changed["customer"].astype(str).to_numpy()
    assert (found["customer"].astype(str).to_numpy() == keys).all()
    assert roc_auc_score(planted, found["surprise"]) > 0.7


def test_a_saved_model_says_the_same(model: bz.HistoryModel, events: pd.DataFrame, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "model")
    loaded = bz.HistoryModel.from_pretrained(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.embed(events), model.embed(events))
    assert loaded.notes_ == model.notes_


@pytest.mark.parametrize("terms", [("fields",), ("records", "keys"), ("next",), ("later",), ("contrast",)])
def test_each_term_can_stand_alone(events: pd.DataFrame, terms: tuple[str, ...]) -> None:
    few = events[events["customer"] < 100]
    training = {"max_epochs": 1, "batch_size": 32}
    found = bz.HistoryModel(size="tiny", terms=terms, training=training).pretrain(few)  # type: ignore[arg-type]
    assert np.isfinite(found.history_.epochs[0].train_loss)


def test_histories_longer_than_the_window_give_one_surprise_a_record(events: pd.DataFrame) -> None:
    training = {"max_epochs": 1, "batch_size": 32}
    small = bz.HistoryModel(size="tiny", window=4, training=training).pretrain(events)
    assert len(small.surprise(events)) == len(events)
    assert any("Longer than the window of 4 records: " in note for note in small.notes_)


@pytest.mark.parametrize("how", ["frozen", "lora", "full"])
def test_a_desk_starts_from_it(
    model: bz.HistoryModel, events: pd.DataFrame, how: str, tmp_path: Path
) -> None:
    customers = events["customer"].unique()
    rows = pd.DataFrame({"customer": customers, "cut": pd.Timestamp("1997-10-01")})
    later = events.loc[events["time"] >= pd.Timestamp("1997-10-01"), "customer"]
    again = rows["customer"].isin(later).astype(int).to_numpy()
    table = bz.with_records(rows, events, entity="customer", time="time", until="cut")
    table = table.drop(columns=["customer", "cut"])
    before = {k: v.clone() for k, v in model.network_.state_dict().items()}
    risk = bz.CreditRisk(
        pretrained=model,
        adapt=how,  # type: ignore[arg-type]
        benchmark=False,
        training={"max_epochs": 2, "batch_size": 128},
    ).fit(table, again)
    assert any(f"adapt='{how}'" in note for note in risk.notes_)
    assert risk.model_.network.additive is not None
    assert risk.model_.network.additive.further == (how == "frozen")
    for name, value in model.network_.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name].numpy(), err_msg=name)
    moved = [
        name
        for name, value in risk.model_.network.records.named_parameters()
        if not np.array_equal(value.detach().numpy(), before[f"summary.{name}"].numpy())
    ]
    assert bool(moved) is (how != "frozen")
    risk.save(tmp_path / "risk")
    loaded = bz.load(tmp_path / "risk")
    found = risk.predict_proba(table)
    np.testing.assert_allclose(loaded.predict_proba(table), found, atol=1e-6)
    pieces = [loaded.predict_proba(table.iloc[k : k + 37]) for k in range(0, len(table), 37)]
    np.testing.assert_allclose(np.concatenate(pieces), found, atol=2e-5)


def test_components_that_are_not_of_a_forecast_are_read_by_the_network_alone(events: pd.DataFrame) -> None:
    training = {"max_epochs": 1, "batch_size": 128}
    plain = bz.HistoryModel(size="tiny", terms=("fields",), training=training).pretrain(events)
    assert not plain.network_.config.records.forecast_first
    rows = pd.DataFrame({"customer": events["customer"].unique()})
    table = bz.with_records(rows, events, entity="customer", time="time").drop(columns="customer")
    risk = bz.CreditRisk(pretrained=plain, adapt="frozen", benchmark=False, training=training)
    network = risk.fit(table, np.arange(len(table)) % 2).model_.network
    assert network.config.records.kept and network.additive.further == 0


def test_events_without_a_second_record_are_refused() -> None:
    events = pa.table({"customer": [1, 2], "time": pa.array([0, 1], pa.timestamp("us")), "x": [1.0, 2.0]})
    with pytest.raises(InputError, match="two records"):
        bz.HistoryModel(size="tiny").pretrain(events)


def test_a_frame_without_its_columns_is_refused(events: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="'customer'"):
        bz.HistoryModel(size="tiny").pretrain(events.rename(columns={"customer": "who"}))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"size": "huge"}, r"^size is one of 'tiny', .*, not 'huge'"),
        ({"backbone": "gpt"}, r"^backbone is one of .*'transformer', not 'gpt'"),
        ({"window": 0}, r"^window is a whole number from 1 on, not 0"),
        ({"terms": ("next", "next")}, r"^terms is a tuple of some of 'fields', .*each once"),
        ({"terms": ("soon",)}, r"^terms is a tuple of some of 'fields'"),
        ({"terms": "next"}, r"^terms is a tuple of some of 'fields'"),
        ({"terms": ()}, r"^terms is a tuple of some of 'fields'"),
    ],
)
def test_each_setting_has_its_own_sentence(
    settings: dict[str, object], sentence: str, events: pd.DataFrame
) -> None:
    with pytest.raises(InputError, match=sentence):
        bz.HistoryModel(**settings).pretrain(events)


def test_no_events_are_no_histories(events: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"^The frame of events has no rows"):
        bz.HistoryModel().pretrain(events[:0])
    with pytest.raises(InputError, match=r"^There are no histories"):
        bz.HistoryModel().pretrain(pa.table({"records": pa.array([], pa.list_(pa.struct([])))}))


def test_a_model_that_has_learned_nothing_says_how_to_pretrain_it(events: pd.DataFrame) -> None:
    for use in (lambda m: m.embed(events), lambda m: m.surprise(events), lambda m: m.pretrained()):
        with pytest.raises(NotFittedError, match=r"pretrain it first: model\.pretrain\(events\)"):
            use(bz.HistoryModel())


def test_a_desk_starts_from_a_model_or_a_folder_only() -> None:
    with pytest.raises(InputError, match=r"^pretrained is a HistoryModel or the folder .*, not 3;"):
        pretrained_records(3)


@pytest.mark.parametrize(("rarer", "kept"), [(5, 1), (230, 2), (100_000, 32)])
def test_of_a_frozen_summary_few_labels_read_few_components(
    rarer: int, kept: int, model: bz.HistoryModel
) -> None:
    plan = TablePlan(pretrained=model.pretrained(), adapt="frozen")
    outcomes = np.repeat([0.0, 1.0], [3 * rarer, rarer])
    assert plan.kept(outcomes) == kept
    assert f"{kept} component" in plan.adaptation_note(outcomes)[0]
    assert plan.pretrained is not None
    assert plan.pretrained.start("frozen", kept).width == kept
