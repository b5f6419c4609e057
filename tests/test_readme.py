"""The README says what is so: its Python runs, its commands exist, its figures are the demo's."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import bezant
from bezant.cli.readme import with_figures
from bezant.cli.reference import reference
from bezant.evidence.evaluation import Evaluation

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_it_is_short_and_the_first_command_comes_early() -> None:
    lines = TEXT.splitlines()
    assert len(lines) <= 125
    assert next(i for i, line in enumerate(lines) if line.startswith("make demo")) < 35


def test_the_figures_are_those_of_the_demo() -> None:
    evaluation = Evaluation.from_json((ROOT / "docs" / "demo.json").read_text(encoding="utf-8"))
    assert with_figures(TEXT, evaluation) == TEXT, "run: make docs"
    assert f"{evaluation.figures['bezant']['roc_auc'].value:.3f}" in TEXT


def test_its_files_exist() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / link).exists(), link


def test_its_commands_and_options_exist() -> None:
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)).replace("\\\n", " ")
    known = {section.split("\n")[0]: section for section in reference().split("\n## ")[1:]}
    commands = [line.split("#")[0] for line in shell.splitlines() if line.startswith("bezant ")]
    assert len(commands) >= 4
    for command in commands:
        section = next(text for name, text in known.items() if command.startswith(name))
        for option in re.findall(r"--[a-z-]+", command):
            assert f"`{option}`" in section, f"{option} is not an option of: {command}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On every fortieth loan, with a tiny network: the words are the README's, only the work is less."""
    load, large = bezant.datasets.load, bezant.CreditRisk

    def small(**settings: object) -> object:
        return large(**settings, size="tiny", training={"max_epochs": 1}, benchmark=False, random_state=0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bezant.datasets, "load", lambda name: load(name).iloc[::40].reset_index(drop=True))
    monkeypatch.setattr(bezant, "CreditRisk", small)
    names: dict[str, object] = {}
    for block in PYTHON:
        exec(compile(block, "README.md", "exec"), names)
    assert (tmp_path / "report.html").exists()
    scores = names["risk"].predict_proba(names["test"])  # type: ignore[attr-defined]
    np.testing.assert_allclose(scores.sum(axis=1), 1)
