"""What beginners get wrong with a saved model, and the one sentence they read; exit code 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from loans import ROWS, loans, run, write
from mistakes import FIT, assert_one_sentence


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny saved model of the made-up loans."""
    folder = tmp_path_factory.mktemp("fitted")
    path = write(folder / "loans.csv", loans())
    assert run("fit", "credit", path, *FIT, "--out", str(folder / "model")) == 0
    return folder / "model"


def score(model: Path, file: str, *options: str) -> list[str]:
    return ["predict", str(model), file, "--out", str(Path(file).parent / "scores.csv"), *options]


def scoring(change: Callable[[dict[str, list[str]]], object]) -> Callable[[Path, Path], list[str]]:
    """A prediction for loans that were changed in place."""

    def make(folder: Path, model: Path) -> list[str]:
        columns = loans()
        change(columns)
        return score(model, write(folder / "new.csv", columns))

    return make


@dataclass(frozen=True)
class ScoringMistake:
    """A command with a saved model that cannot work."""

    name: str
    make: Callable[[Path, Path], Sequence[str]]
    words: tuple[str, ...]


def sound(folder: Path) -> str:
    return write(folder / "new.csv", loans(50, seed=1))


def header_only(folder: Path, model: Path) -> list[str]:
    (folder / "new.csv").write_text("amount,income,state,approved\n")
    return score(model, str(folder / "new.csv"))


def damaged_model(folder: Path, model: Path) -> list[str]:
    copy = folder / "copy"
    copy.mkdir()
    for file in model.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    tensors = next(f for f in copy.iterdir() if f.suffix == ".safetensors")
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    return score(copy, sound(folder))


def folder_that_is_no_model(folder: Path, model: Path) -> list[str]:
    (folder / "other").mkdir()
    return score(folder / "other", sound(folder))


def same_file(folder: Path, model: Path) -> list[str]:
    path = sound(folder)
    return ["predict", str(model), path, "--out", path]


SCORING = [
    ScoringMistake(
        "a column is missing",
        scoring(lambda c: c.pop("income")),
        ("'income'", "400 rows", "empty where not known"),
    ),
    ScoringMistake(
        "text where the model knows numbers",
        scoring(lambda c: c.update(amount=["a lot"] * ROWS)),
        ("'amount'", "400", "number"),
    ),
    ScoringMistake("header only", header_only, ("new.csv", "0 rows")),
    ScoringMistake(
        "model path wrong", lambda f, m: score(f / "nothing", sound(f)), ("nothing", "bezant fit")
    ),
    ScoringMistake("model is a file", lambda f, m: score(Path(sound(f)), sound(f)), ("new.csv", "folder")),
    ScoringMistake("folder that is no model", folder_that_is_no_model, ("other",)),
    ScoringMistake("a changed byte", damaged_model, (".safetensors",)),
    ScoringMistake("input is output", same_file, ("new.csv", "another name")),
    ScoringMistake(
        "output of unknown kind",
        lambda f, m: ["predict", str(m), sound(f), "--out", str(f / "scores.xlsx")],
        ("scores.xlsx", ".csv", "rename"),
    ),
    ScoringMistake("unknown --id", lambda f, m: score(m, sound(f), "--id", "LoanNr"), ("'LoanNr'", "amount")),
    ScoringMistake(
        "name of scores taken",
        lambda f, m: score(m, sound(f), "--keep", "--column", "state"),
        ("'state'", "--column"),
    ),
    ScoringMistake(
        "unknown segment",
        lambda f, m: ["evaluate", str(m), sound(f), "--target", "default", "--segment", "Stat"],
        ("'Stat'", "'state'"),
    ),
    ScoringMistake(
        "report without a folder to write to",
        lambda f, m: ["report", str(m), sound(f), "--target", "default", "--out", f"{sound(f)}/r.html"],
        ("r.html", "choose"),
    ),
]


@pytest.mark.parametrize("mistake", SCORING, ids=lambda m: m.name)
def test_a_mistake_with_a_saved_model_gets_one_sentence(
    mistake: ScoringMistake, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = mistake.make(tmp_path, model)
    capsys.readouterr()
    code = run(*words)
    printed = capsys.readouterr()
    assert_one_sentence(code, printed.out, printed.err, mistake.words)
    assert not (tmp_path / "scores.csv").exists()


def test_new_columns_and_categories_at_prediction_are_no_mistake(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = loans(50, seed=1) | {"colour": ["red"] * 50, "state": ["Atlantis"] * 50}
    assert run(*score(model, write(tmp_path / "new.csv", columns))) == 0
    scores = (tmp_path / "scores.csv").read_text().splitlines()
    assert scores[0].strip('"') == "probability"
    values = np.array(scores[1:], dtype=float)
    assert len(values) == 50
    assert ((values > 0) & (values < 1)).all()
