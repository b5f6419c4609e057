"""A quarter of the answer is the additive member's, unless rows not learned from clearly say otherwise."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import bezant as bz
from bezant.network.additive import SHARE
from bezant.network.record_encoder import RecordEncoder, RecordsConfig, RecordSummary, record_fields
from bezant.training.additive_share import (
    SHARE_OF_FEW,
    SHARE_WITH_RECORDS,
    SHARES,
    best_share,
    share_note,
    shared,
    usual_share,
)
from drawn import drawn_model


def answers(noise: tuple[float, float], n: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two models whose log-odds are off by so much, and outcomes."""
    draw = np.random.default_rng(0)
    odds = draw.normal(size=n)
    y = (draw.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    off = [odds + size * draw.normal(size=n) for size in noise]
    return 1 / (1 + np.exp(-np.array(off))), y


@pytest.mark.parametrize(
    ("noise", "share"), [((1.5, 1.0), 0.5), ((0.0, 3.0), 0.0), ((3.0, 0.0), SHARES[-1]), ((0.5, 1.0), SHARE)]
)
def test_the_share_follows_who_is_right(noise: tuple[float, float], share: float) -> None:
    assert best_share(*answers(noise)) == share


def test_chance_does_not_move_it() -> None:
    apart, y = answers((0.3, 1.0))
    few = slice(0, 40)
    right = [np.where(y[few] == 1, p, 1 - p) for p in (shared(apart[:, few], s) for s in SHARES)]
    assert int(np.argmin([-np.log(p).mean() for p in right])) != SHARES.index(SHARE)
    assert best_share(apart[:, few], y[few]) == SHARE


def test_a_network_without_an_additive_member_says_nothing_of_it() -> None:
    assert share_note(drawn_model()[0].network) == ()
    (note,) = share_note(drawn_model(additive=True)[0].network)
    assert note.startswith("25% of each answer")


def test_of_very_few_outcomes_most_of_the_answer_is_the_additive_members() -> None:
    network = drawn_model(additive=True)[0].network
    for rarer, share in ((0, SHARE_OF_FEW), (29, SHARE_OF_FEW), (30, SHARE), (500, SHARE)):
        outcomes = np.zeros(1200)
        outcomes[:rarer] = 1
        for of in (outcomes, 1 - outcomes):
            assert usual_share(of, network) == share


def test_a_table_with_few_events_is_answered_so() -> None:
    rows = bz.datasets.load("german-credit").iloc[:60]
    y = rows.pop("default").to_numpy()
    risk = bz.CreditRisk(training={"max_epochs": 1}, benchmark=False, random_state=0).fit(rows, y)
    assert any(note.startswith("75% of each answer") for note in risk.notes_)


def test_with_records_it_is_larger_unless_a_frozen_summary_is_read_and_taught() -> None:
    few, many = np.arange(1499) % 2, np.arange(1500) % 2
    of = RecordsConfig(fields=record_fields((4,), ()), components=1)
    for kept, share in ((None, SHARE_WITH_RECORDS), (1, SHARE)):
        network = drawn_model(additive=True)[0].network
        config = of.model_copy(update={"kept": kept})
        network.config = network.config.model_copy(update={"records": config})
        network.records = RecordSummary(RecordEncoder(config))
        assert usual_share(few, network) == SHARE_WITH_RECORDS
        assert usual_share(many, network) == share


def test_with_records_and_nothing_held_out_nearly_all_is_the_additive_members() -> None:
    days = np.datetime64("2024-01-01T00:00:00", "us") + np.arange(120) * np.timedelta64(1, "D")
    events = pa.table(
        {"customer": [str(i % 40) for i in range(120)], "time": days, "amount": np.arange(120.0)}
    )
    rows = pa.table({"customer": [str(i) for i in range(40)], "asked": np.repeat(days[-1:], 40)})
    rows = bz.with_records(rows, events, entity="customer", time="time", until="asked")
    risk = bz.CreditRisk(
        time="asked", size="tiny", training={"max_epochs": 1}, benchmark=False, random_state=0
    ).fit(rows.drop_columns(["customer"]), np.arange(40) % 2)
    assert any(note.startswith(f"{SHARE_WITH_RECORDS:.0%} of each answer") for note in risk.notes_)
