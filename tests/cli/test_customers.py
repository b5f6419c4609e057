"""``bezant fit recommend | recommend | fit demand`` from end to end on real histories that ship inside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bezant as bz
from loans import run
from real_customers import UNTIL, industries, lending, purchases

BANKS = ("--customer", "bank", "--product", "industry", "--epochs", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loans of banks with a model and its page, and purchases with theirs."""
    folder = tmp_path_factory.mktemp("customers")
    names = industries()
    lending().to_csv(folder / "loans.csv", index=False)
    names.to_csv(folder / "industries.csv", index=False)
    purchases().to_csv(folder / "purchases.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> str:
    out = str(folder / "recommend")
    more = ("--products", str(folder / "industries.csv"), "--called", "name")
    page = ("--report", str(folder / "recommend.html"))
    assert run("fit", "recommend", str(folder / "loans.csv"), *BANKS, *more, *page, "--out", out) == 0
    return out


def test_a_recommender_is_fitted_judged_and_has_its_page(folder: Path, model: str) -> None:
    loaded = bz.load(model)
    page = (folder / "recommend.html").read_text(encoding="utf-8")
    assert loaded.evaluation_.verdict in page and "Construction" in page


def test_lists_are_those_of_the_model(folder: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(folder / "lists.csv")
    bank = lending()["bank"].iloc[0]
    asked = ("--customer", bank, "--customer", "nobody", "-k", "3", "--because", "--json")
    assert run("recommend", model, "--out", out, *asked) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["rows"] == 6
    assert "1 of 2 customers are not known to the model, such as 'nobody'" in said.err
    written = pd.read_csv(out, dtype={"industry": str, "because": str})
    expected = bz.load(model).recommend([bank, "nobody"], k=3, because=True)
    assert written["industry"].tolist() == [str(p) for p in expected["industry"].to_pylist()]
    np.testing.assert_allclose(written["score"], expected["score"].to_numpy(), rtol=1e-6)
    assert written["basis"].tolist() == ["events"] * 3 + ["popularity"] * 3


def test_an_attribute_that_is_none_is_refused(
    folder: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("recommend", model, "--out", str(folder / "none.csv"), "--family", "nme") == 2
    assert (
        "There is no column 'nme' in the table of products; did you mean 'name'?" in capsys.readouterr().err
    )


def test_recommending_writes_a_page_of_those_asked_for(
    folder: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bank, page = lending()["bank"].iloc[0], folder / "asked.html"
    words = (
        "--out",
        str(folder / "few.parquet"),
        "--customer",
        bank,
        "--report",
        str(page),
        "--called",
        "name",
    )
    assert run("recommend", model, *words) == 0
    assert str(page) in " ".join(capsys.readouterr().out.split())
    assert f"Customer {bank}".replace("&", "&amp;") in page.read_text(encoding="utf-8")


def test_what_cannot_be_recommended_is_refused(
    folder: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "none.csv"
    assert run("recommend", model, "--out", str(out), "--family", "colour") == 2
    assert "'colour'" in capsys.readouterr().err
    assert not out.exists()
    for words, said in ((("-k", "0"), "from 1 on, not 0"), (("--diversity", "3"), "from 0 to 1, not 3")):
        assert run("recommend", model, "--out", str(out), *words) == 2
        found = capsys.readouterr().err
        assert said in found and "Usage" not in found
    assert not out.exists()
    page = folder / "x.html"
    assert run("recommend", model, "--out", str(out), "--report", str(page), "--called", "x") == 2
    assert out.exists() and not page.exists()  # the lists are not lost with their page
    loans = str(folder / "loans.csv")
    assert run("fit", "recommend", loans, *BANKS, "--called", "name", "--out", str(folder / "x")) == 2
    assert "'name'" in capsys.readouterr().err
    assert run("fit", "recommend", loans, *BANKS, "--full", "--no-benchmark", "--out", str(folder / "x")) == 2
    assert "--full and --no-benchmark contradict" in capsys.readouterr().err
    assert run("fit", "recommend", loans, *BANKS, "--drop", "x", "--out", str(folder / "x")) == 2


@pytest.fixture(scope="module")
def demand(folder: Path) -> tuple[str, ...]:
    words = ("--amount", "amount", "--until", UNTIL, "--epochs", "1", "--out", str(folder / "demand"))
    files = ("--write", str(folder / "expected.csv"), "--report", str(folder / "demand.html"))
    assert run("fit", "demand", str(folder / "purchases.csv"), *words, *files) == 0
    return words


def test_demand_is_fitted_and_what_is_expected_is_written(folder: Path, demand: tuple[str, ...]) -> None:
    expected = bz.load(folder / "demand").predict()
    written = pd.read_csv(folder / "expected.csv", dtype={"customer": str})
    assert written["customer"].tolist() == expected["customer"].astype(str).tolist()
    np.testing.assert_allclose(written["expected_count"], expected["expected_count"], rtol=1e-5)
    np.testing.assert_allclose(written["p_active"], expected["p_active"], rtol=1e-5)


def test_a_file_that_reaches_the_horizon_gives_a_page_of_what_came(
    folder: Path, demand: tuple[str, ...]
) -> None:
    page = (folder / "demand.html").read_text(encoding="utf-8")
    assert "Purchases that came" in page
    assert bz.load(folder / "demand").evaluate(purchases()).verdict in page


def test_a_column_that_is_not_there_is_refused_before_any_work(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--customer", "card", "--out", str(folder / "none"))
    assert run("fit", "demand", str(folder / "purchases.csv"), *words) == 2
    assert "'card'" in capsys.readouterr().err
    words = ("--segments", "1", "--out", str(folder / "none"))
    assert run("fit", "demand", str(folder / "purchases.csv"), *words) == 2
    found = capsys.readouterr().err
    assert "--segments is a number of groups from 2 on, not 1" in found and "Usage" not in found
    assert not (folder / "none").exists()
