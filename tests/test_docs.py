"""The pages under docs: their Python is Python, and every name they use is there.

The README's blocks are run (test_readme.py), those of the pages in ``RUN`` as they are, and those of drift.md
on fewer loans and with smaller networks. Those of the other pages fetch data or train for minutes; of them it
is checked that they parse and name only what exists.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import bezant

DOCS = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))
RUN = ("customers", "histories", "loss")
"""Pages whose blocks run one after the other, in seconds."""

BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{i}")
    for page in DOCS
    for i, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
]


def called(node: ast.Call) -> Any:
    """The public object that a call names as ``bz.Name(...)``; None if it is another call."""
    function = node.func
    named = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    if named and function.value.id == "bz":  # type: ignore[union-attr]
        return getattr(bezant, function.attr)  # type: ignore[union-attr]
    return None


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_parses_and_names_what_exists(block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("bezant"):
            module = __import__(node.module, fromlist=["*"])
            assert all(hasattr(module, alias.name) for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "bz":
            assert hasattr(bezant, node.attr)
        if isinstance(node, ast.Call) and (target := called(node)) is not None:
            parameters = inspect.signature(target).parameters
            names = {keyword.arg for keyword in node.keywords if keyword.arg}
            free = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
            assert free or names <= set(parameters)


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in DOCS:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_blocks_of_drift_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    whole = bezant.datasets.load
    monkeypatch.setattr(bezant.datasets, "load", lambda *a, **k: whole(*a, **k).sample(6000, random_state=0))
    page = (Path(__file__).parents[1] / "docs" / "drift.md").read_text(encoding="utf-8")
    text = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    small = 'time="ApprovalDate", benchmark=False, progress=False, size="tiny", training={"max_epochs": 2}'
    assert text.count('time="ApprovalDate"') == 2
    names: dict[str, Any] = {}
    exec(text.replace('time="ApprovalDate"', small), names)
    assert names["risk"].evaluation_ is not None
    assert names["curves"].predict_pd(names["loans"][names["inputs"]]).shape == (6000, 3)
    assert "Updated with" in capsys.readouterr().out


@pytest.mark.parametrize("name", RUN)
def test_the_blocks_of_a_page_run_as_printed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = next(p for p in DOCS if p.stem == name)
    space: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(page), "exec"), space)
