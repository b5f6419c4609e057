"""Events that cannot be used are refused in one sentence, whoever asks for them."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from bezant.traditional.demand.purchases import purchases
from bezant.traditional.events import refuse_unsound_events
from bezant.traditional.recommendation.interactions import interactions
from bezant.types import InputError

EVENTS = pa.table({"who": ["a", "b"], "what": ["x", "y"], "day": [date(2020, 1, 1)] * 2, "paid": [1.0, 2.0]})


def changed(name: str, values: list[object]) -> pa.Table:
    return EVENTS.set_column(EVENTS.column_names.index(name), name, pa.array(values))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (EVENTS.slice(0, 0), "There are 0 events"),
        (EVENTS.rename_columns(["whom", "what", "day", "paid"]), "There is no column 'who'; did you mean"),
        (changed("who", ["a", None]), "'who' is missing in 1 of 2 rows"),
        (changed("paid", [float("nan"), float("inf")]), "'paid' is missing or infinite in 2 of 2 rows"),
        (changed("paid", ["1", "2"]), "'paid' holds string in its 2 rows where amounts are needed"),
    ],
)
def test_purchases_that_cannot_be_counted_are_refused(table: pa.Table, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        purchases(table, customer="who", time="day", amount="paid")


def test_interactions_ask_the_same_of_their_columns_and_of_no_others() -> None:
    with pytest.raises(InputError, match="'what' is missing in 2 of 2 rows"):
        interactions(changed("what", [None, None]), customer="who", product="what", time="day")
    interactions(changed("paid", [None, None]), customer="who", product="what", time="day")


def test_sound_events_pass() -> None:
    refuse_unsound_events(EVENTS, ("who", None, "day", "paid"), "paid")
