"""A saved model of real loans, as ONNX and one application at a time, by desk and command line."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import bezant
from bezant.types import InputError, MissingExtraError
from loans import run

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
RISK = bezant.load(ARTIFACTS / "credit-1")
ROWS = pd.read_csv(ARTIFACTS / "credit-1-rows.csv", dtype=str)
"""Among them an unknown state, no state and no amount."""


def answers(path: Path) -> tuple[np.ndarray, dict[str, str]]:
    """What the file says of the rows, by onnxruntime alone, and what it says of itself."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {}
    for given in session.get_inputs():
        text = given.type == "tensor(string)"
        feeds[given.name] = (
            ROWS[given.name].fillna("").to_numpy(object) if text else ROWS[given.name].to_numpy(float)
        )
    return session.run(["probability"], feeds)[0], session.get_modelmeta().custom_metadata_map


def test_the_file_gives_the_models_probabilities_and_says_of_what(tmp_path: Path) -> None:
    path = RISK.export_onnx(tmp_path / "credit.onnx")
    found, said = answers(path)
    np.testing.assert_allclose(found, RISK.predict_proba(ROWS)[:, 1], rtol=0, atol=1e-5)
    assert said["bezant"] == bezant.__version__ and said["event"] == "1" and said["kind"] == "CreditRisk"
    assert json.loads(said["inputs"])["GrAppv"] == {"kind": "number", "type": "float64"}
    assert [p.name for p in tmp_path.iterdir()] == ["credit.onnx"]


def test_the_command_writes_the_same_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", str(ARTIFACTS / "credit-1"), "--out", str(tmp_path / "new" / "credit.onnx")) == 0
    assert "MB" in capsys.readouterr().out
    expected = RISK.export_onnx(tmp_path / "credit.onnx").read_bytes()
    assert (tmp_path / "new" / "credit.onnx").read_bytes() == expected


def test_a_folder_is_no_place_for_it(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none" / "credit.onnx"):
        with pytest.raises(InputError, match="is no file in an existing folder"):
            RISK.export_onnx(place)


def test_without_the_package_the_line_to_install_it_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    load = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'bezant\[onnx\]'"):
        RISK.export_onnx(tmp_path / "credit.onnx")


def test_one_application_has_its_rows_probability() -> None:
    scorer, expected = RISK.scorer(), RISK.predict_proba(ROWS)[:, 1]
    found = [scorer.score(text) for text in ROWS.to_json(orient="records", lines=True).splitlines()]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_an_unfitted_model_has_neither(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        bezant.CreditRisk().scorer()
    with pytest.raises(NotFittedError):
        bezant.CreditRisk().export_onnx(tmp_path / "credit.onnx")
