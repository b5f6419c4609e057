"""``import bezant`` and ``bezant --help`` answer at once: heavy packages wait until they are needed."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bezant

HEAVY = ("torch", "pandas", "polars", "lightgbm", "sklearn", "scipy", "matplotlib", "duckdb", "optbinning")
ROOT = Path(__file__).parents[1]


def modules_after(code: str) -> set[str]:
    """Import in a fresh process and return the top-level modules that it then has."""
    code = f"import sys, json\nsys.path.insert(0, {str(ROOT / 'src')!r})\n{code}\n"
    code += "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def typed(*words: str) -> str:
    """Code that runs the command line and returns from it."""
    call = f"app({list(words)!r})"
    return f"from bezant.cli import app\ntry:\n    {call}\nexcept SystemExit as end:\n    assert not end.code"


@pytest.mark.parametrize(
    "code",
    [
        "import bezant",
        "import bezant; bezant.datasets.names(); bezant.splits.out_of_time; bezant.Schema; bezant.InputError",
        "import bezant.cli",
        typed("--help"),
        typed("fit", "credit", "--help"),
        typed("datasets"),
    ],
)
def test_heavy_packages_wait(code: str) -> None:
    assert not modules_after(code) & set(HEAVY)


def test_the_heavy_packages_would_be_noticed() -> None:
    assert "scipy" in modules_after("import scipy")


@pytest.mark.parametrize("name", [name for name in bezant.__all__ if name != "__version__"])
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(bezant, name) is not None
    assert name in dir(bezant)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'CreditRsk'"):
        bezant.CreditRsk  # noqa: B018


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert bezant.__version__ == project["version"]
