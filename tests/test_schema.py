import datetime as dt
import time
from decimal import Decimal

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings

from bezant.schema import TIME_FORMATS, Field, Kind, NumberFormat, Role, Schema, infer_schema
from bezant.schema.values import parse_numbers
from bezant.types import InputError


def _read(values, **options):
    """Infer and read one column; return its field, its values and what was said."""
    table = pa.table({"x": values if isinstance(values, pa.Array) else pa.array(values)})
    schema = infer_schema(table, **options)
    conformed = schema.conform(table, roles=list(Role))
    return schema.fields[0], conformed.table["x"].to_pylist(), conformed.notes


@pytest.mark.parametrize(
    ("texts", "fmt", "numbers", "note"),
    [
        (["1", "-2.5", "1e3", "+4", ".5"], "plain", [1, -2.5, 1000, 4, 0.5], ""),
        (["$60,000.00 ", "$5"], "us", [60000, 5], "'$60,000.00' is 60000"),
        (["(1,234)", "5", "-$6"], "us", [-1234, 5, -6], "'(1,234)' is -1234"),
        (["45%", "3.5%"], "us", [45, 3.5], "'45%' is 45"),
        (["1,00,000", "2"], "us", [100000, 2], "'1,00,000' is 100000"),
        (["1,2", "3,45", "7"], "european", [1.2, 3.45, 7], "decimal comma, read as european: '1,2' is 1.2"),
        (["1.234,5", "€ 2"], "european", [1234.5, 2], "'1.234,5' is 1234.5"),
        (["1 234,5", "1\u00a0000,25"], "european", [1234.5, 1000.25], "'1 234,5' is 1234.5"),
    ],
)
def test_numbers_in_text_are_read_and_the_way_is_said(texts, fmt, numbers, note):
    field, values, said = _read(texts)
    assert (field.kind, field.number_format) == (Kind.NUMBER, NumberFormat(fmt))
    assert values == numbers
    assert note in field.note
    assert bool(field.note) == bool(note)
    assert not said


@pytest.mark.parametrize("texts", [["1,2", "1.5"], ["1,23,4", "5"], ["1.2.3", "4"], ["1-2", "3"]])
def test_numbers_that_no_one_way_of_writing_explains_are_not_guessed(texts):
    assert _read(texts)[0].kind is Kind.CATEGORY


def test_every_marker_of_a_missing_value_is_missing():
    field, values, _ = _read(["3", "", " NA ", "None", "NaN", "inf", "-inf", "Infinity", "+inf", None, "4"])
    assert field.kind is Kind.NUMBER
    assert values == [3, *[None] * 9, 4]
    _, values, said = _read([1.0, float("nan"), float("inf"), None])
    assert values == [1.0, None, None, None]
    assert said == ("Column 'x': 1 of 4 rows is infinite and counts as missing.",)


@pytest.mark.parametrize("time_format", TIME_FORMATS[1:])
def test_times_in_each_format_are_read_as_python_reads_them(time_format):
    moments = [dt.datetime(2004, 2, 29, 13, 5, 0), dt.datetime(1999, 12, 31, 0, 0, 0)]
    texts = [m.strftime(time_format) for m in moments]
    field, values, _ = _read(texts, time="x")
    assert field.time_format == time_format
    assert values == [dt.datetime.strptime(t, time_format) for t in texts]


@settings(max_examples=50, deadline=None)
@given(st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)),
       st.sampled_from(["T", " "]), st.sampled_from(["auto", "minutes", "seconds", "microseconds"]),
       st.none() | st.integers(-12, 14))  # fmt: skip
def test_iso_times_are_read_as_python_reads_them(moment, separator, precision, hours):
    zone = None if hours is None else dt.timezone(dt.timedelta(hours=hours))
    text = moment.replace(tzinfo=zone).isoformat(separator, precision)
    expected = dt.datetime.fromisoformat(text)
    expected = expected if zone is None else expected.astimezone(dt.UTC).replace(tzinfo=None)
    field, values, _ = _read([text, moment.date().isoformat()])
    assert field.time_format == "iso8601"
    assert values[0] == expected


@pytest.mark.parametrize(
    "text", ["2004-02-30", "30/02/2004", "31.04.2004", "20050229", "2004-13-01", "29-Feb-03"]
)
def test_a_day_that_does_not_exist_is_not_another_day(text):
    table = pa.table({"x": [text]})
    for time_format in TIME_FORMATS:
        schema = Schema(fields=(Field(name="x", kind=Kind.TIME, time_format=time_format),))
        with pytest.raises(InputError, match="should hold a time"):
            schema.conform(table)


def test_two_digit_years_to_come_belong_to_the_century_before_and_this_is_said():
    field, values, _ = _read(["28-Feb-97", "29-Feb-68", "1-Mar-04", "31-Dec-30", "1-Jan-31"])
    assert [v.year for v in values] == [1997, 1968, 2004, 2030, 1931]
    assert "two-digit years after 2030" in field.note


def test_an_open_order_of_day_and_month_is_said():
    assert "ambiguous: %d/%m/%Y would read them too" in _read(["01/02/2004", "03/04/2005"])[0].note
    settled = _read(["01/02/2004", "13/04/2005"])[0]
    assert settled.time_format == "%d/%m/%Y"
    assert "ambiguous" not in settled.note
    assert "ambiguous" not in _read(["2004-01-02"])[0].note


@pytest.mark.parametrize("years", [["1997", "2004"], [1997, 2004], [1997.0, 2004.0]])
def test_whole_years_are_times_if_they_are_said_to_be(years):
    assert _read(years)[0].kind is Kind.NUMBER
    assert _read(years, time="x")[1] == [dt.datetime(1997, 1, 1), dt.datetime(2004, 1, 1)]


@pytest.mark.parametrize(
    "values", [["881250949", "1700000000"], [881250949, 1700000000], [881250949.0, 1.7e9]]
)
def test_unix_seconds_are_times_if_they_are_said_to_be(values):
    expected = [dt.datetime(1997, 12, 4, 15, 55, 49), dt.datetime(2023, 11, 14, 22, 13, 20)]
    assert _read(values)[0].kind is Kind.NUMBER
    assert _read(values, time="x")[1] == expected
    assert _read([1700000000123], time="x")[1] == [expected[1].replace(microsecond=123_000)]
    assert _read(["1700000000.25"], time="x")[1] == [expected[1].replace(microsecond=250_000)]
    for hour_of_a_day in (2004013110, 200401311020):
        with pytest.raises(InputError, match="reads as a time"):
            _read([hour_of_a_day], time="x")


def test_a_time_column_of_two_formats_is_refused_with_the_count():
    with pytest.raises(InputError, match="2 rows read as 'year', but 1 does not, such as '1976A' in row 3"):
        _read(["1997", "1998", "1976A"], time="x")
    with pytest.raises(InputError, match="none of its 2 rows reads as a time"):
        _read(["soon", "later"], time="x")
    with pytest.raises(InputError, match="all of them are empty"):
        _read(["", None], time="x")


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pa.array([dt.datetime(2004, 7, 1, 10)], pa.timestamp("ns", "Europe/Paris")), "time",
         [dt.datetime(2004, 7, 1, 10)]),
        (pa.array([dt.date(2004, 1, 1)]), "time", [dt.datetime(2004, 1, 1)]),
        (pa.array([True, False, None]), "category", ["true", "false", None]),
        (pa.array([Decimal("3.00"), Decimal("3.5")]), "number", [3.0, 3.5]),
        (pa.array(["a", None, "b"]).dictionary_encode(), "category", ["a", None, "b"]),
        (pa.array(["1", "2"], pa.large_string()), "number", [1.0, 2.0]),
        (pa.array(["1", "2"], pa.string_view()), "number", [1.0, 2.0]),
        (pa.array([3, None], pa.uint8()), "number", [3.0, None]),
        (pa.array([1.5], pa.float32()), "number", [1.5]),
        (pa.nulls(2), "category", [None, None]),
        (pa.array(["", "NA"]), "category", [None, None]),
        (pa.array([f"bank {i}" for i in range(65)]), "text", [f"bank {i}" for i in range(65)]),
    ],
)  # fmt: skip
def test_typed_columns_keep_their_meaning(values, kind, expected):
    field, found, _ = _read(values)
    assert field.kind is Kind(kind)
    assert found == expected


@pytest.mark.parametrize(
    "values", [pa.array([[1]]), pa.array([1], pa.time32("s")), pa.array([1], pa.duration("s"))]
)
def test_a_type_without_meaning_is_refused_unless_ignored(values):
    with pytest.raises(InputError, match="Column 'x' holds values of the type"):
        _read(values)
    assert infer_schema(pa.table({"x": values}), ignore=["x"]).fields[0].role is Role.IGNORED


WAYS = [
    pa.array(["3", "4", None]),
    pa.array(["3.0", "4.", ""]),
    pa.array([3, 4, None]),
    pa.array([3.0, 4.0, None]),
    pa.array([3, 4, None], pa.float32()),
    pa.array([Decimal("3.00"), Decimal("4.00"), None]),
]


@pytest.mark.parametrize("values", WAYS)
def test_a_whole_number_is_one_category_however_it_is_stored(values):
    assert _read(values, kinds={"x": Kind.CATEGORY})[1] == ["3", "4", None]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.floats() | st.integers(-9, 9).map(float), min_size=1, max_size=8))
def test_the_text_of_a_value_does_not_depend_on_its_neighbours(values):
    schema = Schema(fields=(Field(name="x", kind=Kind.CATEGORY),))
    alone = [
        schema.conform(pa.table({"x": pa.array([v], pa.float64())})).table["x"][0].as_py() for v in values
    ]
    assert schema.conform(pa.table({"x": pa.array(values, pa.float64())})).table["x"].to_pylist() == alone


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["1", "$2,000.00", "28-Feb-97", "", "x", "3.0"]), min_size=1, max_size=30),
       st.integers(1, 5))  # fmt: skip
def test_chunks_of_a_column_do_not_change_what_is_read(texts, size):
    whole = pa.table({"x": pa.array(texts)})
    pieces = pa.concat_tables([whole.slice(i, size) for i in range(0, len(texts), size)])
    assert infer_schema(pieces) == infer_schema(whole)
    assert infer_schema(pieces).conform(pieces).table.equals(infer_schema(whole).conform(whole).table)


def test_the_order_of_columns_does_not_matter():
    table = pa.table({"a": ["1"], "b": ["x"], "p": [1], "q": [2]})
    schema = infer_schema(table.select(["a", "b"]))
    first, second = schema.conform(table), schema.conform(table.select(["q", "b", "p", "a"]))
    assert first.table.equals(second.table)
    assert first.notes == second.notes == ("Columns 'p', 'q' are not known to the schema and left aside.",)


def test_a_table_without_rows_teaches_nothing_but_can_be_conformed():
    empty = pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.float64())})
    with pytest.raises(InputError, match="0 rows to learn from, not even for 'a'; give at least one row"):
        infer_schema(empty)
    with pytest.raises(InputError, match="has no columns"):
        infer_schema(pa.table({}))
    schema = infer_schema(empty, kinds={"a": Kind.NUMBER})
    assert schema.conform(empty).table.schema.types == [pa.float64(), pa.float64()]


def test_names_that_repeat_or_are_unknown_are_refused():
    with pytest.raises(InputError, match="Column 'a' stands more than once"):
        infer_schema(pa.table([[1], [2]], names=["a", "a"]))
    with pytest.raises(InputError, match="no column 'Defualt'; did you mean 'default'"):
        infer_schema(pa.table({"default": [1]}), target="Defualt")
    with pytest.raises(InputError, match="Column 'a' of the model's schema is not in the table of 1 rows"):
        infer_schema(pa.table({"a": [1]})).conform(pa.table({"b": [1]}))


def test_few_unreadable_rows_are_said_and_many_are_refused():
    texts = ["1"] * 99 + ["1976A"]
    _, values, said = _read(texts)
    assert values == [1.0] * 99 + [None]
    assert said == ("Column 'x': 1 of 100 rows is not a number (such as '1976A') and counts as missing.",)
    schema = infer_schema(pa.table({"x": texts}))
    with pytest.raises(
        InputError, match="should hold a number, but 2 of 3 rows hold something else, such as 'a'"
    ):
        schema.conform(pa.table({"x": ["a", "1", "b"]}))
    with pytest.raises(InputError, match="should hold a number, but 1 of 1 rows"):
        schema.conform(pa.table({"x": [dt.date(2004, 1, 1)]}))


def test_a_model_fitted_on_typed_times_reads_times_in_text():
    schema = infer_schema(pa.table({"x": [dt.datetime(2004, 1, 1)]}))
    assert schema.conform(pa.table({"x": ["2004-01-31 10:20:30.5"]})).table["x"].to_pylist() == [
        dt.datetime(2004, 1, 31, 10, 20, 30, 500000)
    ]


def test_a_long_column_is_decided_on_all_its_rows():
    rows = 30_000
    mostly = [str(i) for i in range(rows - 2000)] + ["bad"] * 2000  # 6.7 % of the rows: not a number
    assert infer_schema(pa.table({"x": mostly})).fields[0].kind is Kind.TEXT
    rare = [""] * (rows - 10) + ["28-Feb-97"] * 10
    assert infer_schema(pa.table({"x": rare})).fields[0].kind is Kind.TIME
    late = ["1"] * (rows - 1) + ["$2,000"]  # the one row that needs another way of reading
    assert infer_schema(pa.table({"x": late})).fields[0].number_format is NumberFormat.US


def test_a_schema_survives_its_file(tmp_path):
    schema = infer_schema(pa.table({"a": ["$1,000"], "t": ["28-Feb-97"], "y": [1]}), target="y", time="t")
    schema.save(tmp_path / "schema.json")
    assert Schema.load(tmp_path / "schema.json") == schema
    with pytest.raises(ValueError, match="extra"):
        Schema.from_json(schema.to_json().replace('"fields"', '"colour": 1, "fields"'))


def test_inference_reads_a_hundred_thousand_rows_in_little_time():
    rng = np.random.default_rng(0)
    names = pa.array([f"firm {i}" for i in range(100_000)])
    money = pa.array([f"${v:,.2f} " for v in rng.uniform(0, 1e6, 100_000)])
    days = pa.array([f"{d}-Feb-97" for d in rng.integers(1, 29, 100_000)])
    table = pa.table(
        {f"{n}{i}": c for i in range(3) for n, c in (("name", names), ("money", money), ("day", days))}
    )
    start = time.process_time()
    infer_schema(table)
    assert time.process_time() - start < 4


@pytest.mark.parametrize("fmt", list(NumberFormat))
@pytest.mark.parametrize("text", ["E3", "e10", ".", "+", "-E-2", ".E3", "A61"])
def test_a_code_that_ends_like_an_exponent_is_no_number(text: str, fmt: NumberFormat) -> None:
    assert parse_numbers(pa.array([text, "7"]), fmt).to_pylist() == [None, 7.0]


def test_records_that_are_text_are_noted() -> None:
    table = pa.table({"records": ["[{'a': 1}]", "[]"], "x": [1.0, 2.0]})
    assert "it holds text, not lists of records" in infer_schema(table).field("records").note


def test_only_a_table_of_pyarrow_is_inferred_from() -> None:
    with pytest.raises(InputError, match=r"give a pyarrow\.Table; bezant\.check and fit read any frame"):
        infer_schema(pd.DataFrame({"a": [1]}))


def test_times_of_which_some_say_their_zone_are_refused_or_noted() -> None:
    mixed = pa.table({"t": ["2024-01-01T00:00:00+02:00", "2024-01-02", "2024-01-03T10:00:00Z"]})
    with pytest.raises(
        InputError, match=r"says the zone of 2 of its 3 times, such as .*, such as '2024-01-02'"
    ):
        infer_schema(mixed, time="t")
    assert "2 of 3 with a zone" in infer_schema(mixed).fields[0].note
    one_way = mixed.take([0, 2])
    assert "zone" not in infer_schema(one_way, time="t").fields[0].note
