"""The page of a model of histories, on real purchases of CDs."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import bezant as bz
from bezant.types import InputError
from real_customers import purchases

CREATED = "2026-01-31T12:00:00"


@pytest.fixture(scope="module")
def model() -> bz.HistoryModel:
    return bz.HistoryModel(size="tiny", training={"max_epochs": 2}, progress=False, random_state=0).pretrain(
        purchases(20)
    )


def test_the_page_names_the_most_surprising_record_and_its_field(model, tmp_path):
    text = model.report(tmp_path / "page.html", purchases(20), created=CREATED).read_text()
    assert not re.search(r"<(script|img|link|iframe)|url\(http|src=", text)
    found = model.surprise(purchases(20)).sort_values("surprise").iloc[-1]
    fields = {name: found[f"surprise_{name}"] for name in ("amount", "gap")}
    most = text[text.index('id="most"') :]
    cells = re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", most[most.index("<tbody>") :])[:4]
    assert cells == [
        str(found["customer"]),
        str(found["time"])[:10],
        f"{found['surprise']:.2f}",
        max(fields, key=fields.get),
    ]
    assert f"{model.surprise(purchases(20))['surprise'].mean():.2f} nats" in text


def test_the_headline_says_what_was_learned_or_that_nothing_was(model, tmp_path, monkeypatch):
    def headline() -> str:
        text = model.report(tmp_path / "page.html", purchases(20), created=CREATED).read_text()
        assert "whose weights were kept." in text
        return re.search(r'<p class="verdict(?: long)?">(.*?)</p>', text, re.DOTALL)[1]

    (note,) = [n for n in model.notes_ if "from the frequencies of values alone" in n]
    assert headline() == note
    nothing = (
        "A record is surprising by 3.50 nats given those before it, by 3.40 from the frequencies of values "
    )
    nothing += "alone: nothing that holds was learned from what came before."
    monkeypatch.setattr(model, "notes_", (*(n for n in model.notes_ if n != note), nothing))
    assert headline() == nothing
    monkeypatch.setattr(model, "notes_", ())
    assert headline().startswith("On histories held out the loss was")


def test_a_time_of_the_day_is_written_where_there_is_one(model, tmp_path):
    events = purchases(20)
    events.loc[events.index[:1], "time"] += pd.Timedelta(hours=9)
    text = model.report(tmp_path / "page.html", events, created=CREATED).read_text()
    most = text[text.index('id="most"') :]
    assert re.search(r">\d{4}-\d\d-\d\d 00:00:00<", most)


def test_named_histories_are_drawn(model, tmp_path):
    events = purchases(20)
    asked = events["customer"].unique()[:2].tolist()
    text = model.report(tmp_path / "two.html", events, entities=asked, created=CREATED).read_text()
    assert all(f">{name}</text>" in text for name in asked)
    alone = model.report(tmp_path / "one.html", events, entities=asked[0], created=CREATED).read_text()
    assert f">{asked[0]}</text>" in alone and f">{asked[1]}</text>" not in alone
    with pytest.raises(InputError, match="have no records"):
        model.report(tmp_path / "no.html", events, entities=[-5])
    assert not (tmp_path / "no.html").exists()
