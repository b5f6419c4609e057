"""The kept model of this format version, for tests of reading it and of writing others."""

from __future__ import annotations

from pathlib import Path

import pytest

from bezant.artifacts import FORMAT_VERSION


@pytest.fixture(scope="module")
def pristine() -> Path:
    """The kept model: it has every kind of file, the traditional models among them."""
    return Path(__file__).parent / f"credit-{FORMAT_VERSION}"
