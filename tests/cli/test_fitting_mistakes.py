"""What beginners get wrong before a fit, and the one sentence they read: the column, the rows, the mend."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loans import ROWS, loans, run, write
from mistakes import FIT, assert_one_sentence, fit


@dataclass(frozen=True)
class Mistake:
    """A command that cannot work, made in a folder; and words that its sentence must hold."""

    name: str
    make: Callable[[Path], Sequence[str]]
    words: tuple[str, ...]


def changed(column: str, values: Callable[[list[str]], Sequence[str]]) -> Callable[[Path], list[str]]:
    """A fit on the loans with one column changed."""

    def make(folder: Path) -> list[str]:
        columns = loans()
        columns[column] = list(values(columns[column]))
        return fit(write(folder / "loans.csv", columns))

    return make


def with_options(*options: str) -> Callable[[Path], list[str]]:
    """A fit on sound loans with other options."""
    return lambda folder: fit(write(folder / "loans.csv", loans()), *options)


def bytes_in(name: str, content: bytes) -> Callable[[Path], list[str]]:
    """A fit on a file of these bytes."""

    def make(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return fit(str(folder / name))

    return make


def duplicate_names(folder: Path) -> list[str]:
    names = ["amount", "amount", "state", "approved", "default"]
    return fit(write(folder / "loans.csv", loans(), header=names))


def ragged(folder: Path) -> list[str]:
    path = write(folder / "loans.csv", loans())
    lines = Path(path).read_text().splitlines()
    lines[7] += ",one,more"
    Path(path).write_text("\n".join(lines) + "\n")
    return fit(path)


def directory(folder: Path) -> list[str]:
    (folder / "loans").mkdir()
    return fit(str(folder / "loans"))


def file_in_the_way(folder: Path) -> list[str]:
    (folder / "models").write_text("a file")
    path = write(folder / "loans.csv", loans())
    return ["fit", "credit", path, *FIT, "--out", str(folder / "models" / "mine")]


def nested_column(folder: Path) -> list[str]:
    columns = loans()
    table = pa.table({**columns, "default": [int(d) for d in columns["default"]], "items": [[1, 2]] * ROWS})
    pq.write_table(table, folder / "loans.parquet")
    return fit(str(folder / "loans.parquet"))


def broken_parquet(folder: Path) -> list[str]:
    pq.write_table(pa.table(loans()), folder / "loans.parquet")
    content = (folder / "loans.parquet").read_bytes()
    (folder / "loans.parquet").write_bytes(content[: len(content) // 2])
    return fit(str(folder / "loans.parquet"))


def edited_schema(content: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / "schema.json").write_text(content)
        path = write(folder / "loans.csv", loans())
        return ["check", path, "--target", "default", "--schema", str(folder / "schema.json")]

    return make


def spoiled(at: Sequence[int], value: str) -> Callable[[list[str]], list[str]]:
    return lambda old: [value if i in at else v for i, v in enumerate(old)]


FITTING = [
    Mistake(
        "wrong target name", with_options("--target", "defualt"), ("'defualt'", "did you mean 'default'")
    ),
    Mistake("no target named", with_options("--time", "approved"), ("--target", "amount", "default")),
    Mistake(
        "unknown time column",
        with_options("--target", "default", "--time", "aproved"),
        ("'aproved'", "did you mean 'approved'"),
    ),
    Mistake("unknown column dropped", with_options(*FIT, "--drop", "nothing"), ("'nothing'", "amount")),
    Mistake("target dropped", with_options(*FIT, "--drop", "default"), ("'default'", "--target", "--drop")),
    Mistake(
        "target is the time",
        with_options("--target", "approved", "--time", "approved"),
        ("'approved'", "--time"),
    ),
    Mistake(
        "one class", changed("default", lambda old: ["0"] * len(old)), ("'default'", "only one", "400 rows")
    ),
    Mistake(
        "text target without --positive",
        changed("default", lambda old: ["bad" if v == "1" else "good" for v in old]),
        ("'default'", "'good'", "400 rows", "--positive bad"),
    ),
    Mistake(
        "--positive that never occurs",
        with_options(*FIT, "--positive", "CHGOFF"),
        ("'default'", "'CHGOFF'", "400 rows", "--positive"),
    ),
    Mistake(
        "target with missing values",
        changed("default", spoiled((3, 5, 8), "")),
        ("'default'", "missing in 3 of 400 rows", "leave"),
    ),
    Mistake(
        "target of three classes",
        changed("default", lambda old: [str(i % 3) for i in range(len(old))]),
        ("'default'", "2 in some of 133 of 400 rows", "neither 0 nor 1"),
    ),
    Mistake(
        "target of 0.5",
        changed("default", spoiled((9,), "0.5")),
        ("'default'", "0.5", "1 of 400 rows", "correct"),
    ),
    Mistake(
        "target that is an amount",
        with_options("--target", "amount", "--time", "approved"),
        ("'amount'", "400 rows", "neither 0 nor 1"),
    ),
    Mistake(
        "target that is all missing",
        changed("default", lambda old: [""] * len(old)),
        ("'default'", "400 of 400"),
    ),
    Mistake(
        "time as text in two formats",
        changed(
            "approved", lambda old: [f"{v[5:7]}/{v[8:]}/{v[:4]}" if i > 380 else v for i, v in enumerate(old)]
        ),
        ("'approved'", "381 rows", "19 do not", "one format"),
    ),
    Mistake(
        "time all missing",
        changed("approved", lambda old: [""] * len(old)),
        ("'approved'", "400 rows", "empty"),
    ),
    Mistake(
        "time missing in some rows",
        changed("approved", spoiled((0, 1), "")),
        ("'approved'", "missing in 2 of 400 rows", "leave"),
    ),
    Mistake(
        "time that is none",
        with_options("--target", "default", "--time", "state"),
        ("'state'", "400 rows", "2004"),
    ),
    Mistake(
        "cutoff after all rows",
        with_options(*FIT, "--cutoff", "2031-01-01"),
        ("'approved'", "2031", "between"),
    ),
    Mistake(
        "cutoff before all rows",
        with_options(*FIT, "--cutoff", "1950-01-01"),
        ("'approved'", "1950", "between"),
    ),
    Mistake("cutoff that is no date", with_options(*FIT, "--cutoff", "soon"), ("'soon'", "2004-01-31")),
    Mistake(
        "cutoff without time", with_options("--target", "default", "--cutoff", "2003-01-01"), ("--time",)
    ),
    Mistake(
        "too few rows", lambda folder: fit(write(folder / "loans.csv", loans(20))), ("only 20 rows", "100")
    ),
    Mistake("duplicate column names", duplicate_names, ("'amount'", "more than once", "rename")),
    Mistake("empty file", bytes_in("loans.csv", b""), ("loans.csv", "empty", "0 rows")),
    Mistake(
        "header only", bytes_in("loans.csv", b"amount,approved,default\n"), ("loans.csv", "0 rows", "give")
    ),
    Mistake(
        "only the target", bytes_in("loans.csv", b"default\n" + b"0\n1\n" * 200), ("'default'", "no column")
    ),
    Mistake("a line with more values", ragged, ("Line 8", "7 values", "5 columns", "mend")),
    Mistake(
        "binary junk as CSV", bytes_in("loans.csv", bytes(range(256)) * 20), ("loans.csv", "not text", "save")
    ),
    Mistake(
        "junk as Parquet", bytes_in("loans.parquet", b"PAR1 junk"), ("loans.parquet", "not a sound Parquet")
    ),
    Mistake(
        "half a Parquet file", broken_parquet, ("loans.parquet", "not a sound Parquet", "write it again")
    ),
    Mistake(
        "a spreadsheet",
        bytes_in("loans.xlsx", b"PK\x03\x04"),
        ("loans.xlsx", "neither CSV nor Parquet", "name"),
    ),
    Mistake("a nested column", nested_column, ("'items'", "list", "340 rows", "leave it out")),
    Mistake("directory without data", directory, ("loans", "no Parquet file")),
    Mistake(
        "missing file",
        lambda folder: fit(str(folder / "lons.csv")),
        ("lons.csv", "no file", "check the path"),
    ),
    Mistake(
        "unknown data set", lambda _: ["check", "sba-lones"], ("'sba-lones'", "did you mean", "'sba-loans'")
    ),
    Mistake(
        "a web address", lambda _: ["check", "https://example.org/loans.csv"], ("example.org", "download")
    ),
    Mistake("output below a file", file_in_the_way, ("mine", "Cannot write", "choose")),
    Mistake("schema that is no JSON", edited_schema("{fields:"), ("schema.json", "mend")),
    Mistake("schema of another kind", edited_schema('{"columns": []}'), ("schema.json", "fields", "mend")),
    Mistake(
        "schema that is not there",
        lambda folder: ["check", write(folder / "a.csv", loans()), "-t", "default", "--schema", "none.json"],
        ("none.json", "--save-schema"),
    ),
]


def ids(mistake: Mistake) -> str:
    return mistake.name


@pytest.mark.parametrize("mistake", FITTING, ids=ids)
def test_a_mistake_before_the_fit_gets_one_sentence(
    mistake: Mistake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(*mistake.make(tmp_path))
    printed = capsys.readouterr()
    assert_one_sentence(code, printed.out, printed.err, mistake.words)
    assert not (tmp_path / "model").exists()


def fitted(path: str, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    """Fit and return what was printed as JSON."""
    capsys.readouterr()
    assert run(*fit(path, *(options or FIT)), "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert isinstance(printed, dict)
    return printed


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_separator_simply_works(
    delimiter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "loans.csv", loans(), delimiter=delimiter)
    assert run("check", path, "--target", "default", "--time", "approved", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == ROWS


def test_an_all_missing_column_is_left_aside_with_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = loans() | {"nothing": [""] * ROWS}
    printed = fitted(write(tmp_path / "loans.csv", columns), capsys)
    notes = [note for note in printed["notes"] if "'nothing'" in note]  # type: ignore[attr-defined]
    assert any("missing in all" in note and "left aside" in note for note in notes)


def test_a_text_target_works_with_positive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = loans()
    columns["default"] = ["bad" if v == "1" else "good" for v in columns["default"]]
    path = write(tmp_path / "loans.csv", columns)
    assert run("check", path, "--target", "default", "--positive", "bad", "--json") == 0
    assert json.loads(capsys.readouterr().out)["events"] == columns["default"].count("bad")
