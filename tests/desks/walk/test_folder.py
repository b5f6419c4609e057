"""The folder of a walk: what is put in comes out, and nothing is kept without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bezant.desks.walk.folder import WalkFolder
from bezant.types import InputError


def test_scores_come_out_as_they_went_in(tmp_path: Path) -> None:
    kept = WalkFolder(tmp_path / "walk")
    kept.begin({"rows": 3})
    assert kept.scores("frozen", 2001) is None
    p = np.array([0.1, 0.25, 1 / 3])
    kept.keep("frozen", 2001, (p, 1.5, "said"))
    found, seconds, note = kept.scores("frozen", 2001)
    np.testing.assert_array_equal(found, p)
    assert (seconds, note) == (1.5, "said")
    assert kept.model("frozen") is None


def test_the_same_walk_may_go_on_and_another_may_not(tmp_path: Path) -> None:
    kept = WalkFolder(tmp_path)
    kept.begin({"rows": 3})
    kept.begin({"rows": 3})
    with pytest.raises(InputError, match="holds a walk over other rows"):
        kept.begin({"rows": 4})


def test_without_a_folder_nothing_is_kept() -> None:
    kept = WalkFolder(None)
    kept.begin({"rows": 3})
    kept.keep("frozen", 2001, (np.zeros(2), 0.0, ""))
    assert kept.scores("frozen", 2001) is None
    kept.keep_model("frozen", (None, 0.0))
    assert kept.model("frozen") is None
