"""The figures of size: one row of the table for each fit, and the picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bezant.benchmarks import size
from bezant.benchmarks.generated_loans import generate
from bezant.training import loop, streamed


@pytest.mark.parametrize("model", ["bezant", "LightGBM"])
def test_a_fit_is_measured(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(3000, tmp_path / "train")
    generate(2000, tmp_path / "test", 1)
    for owner, name in (
        (loop._Run, "_run_epoch"),
        (loop._Run, "_next_rows"),
        (streamed, "prepare_streamed"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # what the clock wraps is put back
    found = size.measure(model, 3000, tmp_path, "tiny", 1)
    assert 0.5 < found["truth"] < 0.95 and 0.4 < found["auc"] < found["truth"] + 0.02
    assert found["seconds"] > 0 and found["peak"] > 50
    if model == "bezant":
        assert 0 < found["reading"] < 1 and found["speed"] > 0
    assert size.line(found).count("|") == size.HEAD.splitlines()[0].count("|")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["test", "train"]


def test_the_page_and_the_picture_are_written(tmp_path: Path) -> None:
    page = "before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n"
    (tmp_path / "size.md").write_text(page, encoding="utf-8")
    results = [
        {
            "model": m,
            "rows": n,
            "seconds": n / 1e3,
            "training": 1.0,
            "speed": 5.0,
            "reading": 0.01,
            "peak": n / 10.0,
        }
        | {"auc": 0.7, "truth": 0.8}
        for n in (10_000, 100_000)
        for m in ("bezant, tiny", "LightGBM")
    ]
    size.write(results[2:], tmp_path)
    size.write([results[1]], tmp_path)  # a later run of one number of rows
    size.write([results[0]], tmp_path)
    assert json.loads((tmp_path / "size.json").read_text(encoding="utf-8")) == results
    text = (tmp_path / "size.md").read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert text.count("| LightGBM |") == 2
    ET.parse(tmp_path / "size.svg")
