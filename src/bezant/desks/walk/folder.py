"""The folder of a walk forward: each year's probabilities and models, so that a stopped walk goes on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from bezant.artifacts import write_whole
from bezant.desks.loading import load
from bezant.types import FloatArray, InputError

Scored = tuple[FloatArray, float, str]
"""Probabilities of a year's rows, CPU seconds of what led to them, and what there is to say."""

Made = tuple[Any, float]
"""A fitted estimator and its CPU seconds."""


@dataclass(frozen=True)
class WalkFolder:
    """Where scores and models are kept; without a folder nothing is.

    Attributes
    ----------
    path : Path or None
    """

    path: Path | None

    def begin(self, identity: dict[str, Any]) -> None:
        """Write down what is walked over, or check that it is the same walk.

        Raises
        ------
        InputError
            If the folder holds another walk.
        """
        if self.path is None:
            return
        file = self.path / "walk.json"
        said = json.dumps(identity, indent=1, sort_keys=True, default=str)
        if file.exists() and file.read_text(encoding="utf-8") != said:
            raise InputError(
                f"The folder {str(self.path)!r} holds a walk over other rows or with other settings; give "
                "another folder."
            )
        (self.path / "models").mkdir(parents=True, exist_ok=True)
        write_whole(file, said.encode())

    def scores(self, policy: str, year: int) -> Scored | None:
        """Return what was kept of a policy in a year, if anything."""
        if self.path is None or not (file := self.path / f"{policy}-{year}.npz").exists():
            return None
        with np.load(file, allow_pickle=False) as kept:
            return kept["p"], float(kept["cpu_seconds"]), str(kept["note"])

    def keep(self, policy: str, year: int, scored: Scored) -> Scored:
        """Keep scores in a file, whole or not at all, and return them."""
        if self.path is not None:
            file = BytesIO()
            np.savez_compressed(file, p=scored[0], cpu_seconds=scored[1], note=scored[2])
            write_whole(self.path / f"{policy}-{year}.npz", file.getvalue())
        return scored

    def model(self, name: str) -> Made | None:
        """Return a kept model with its cost."""
        if self.path is None or not (self.path / "models" / name).exists():
            return None
        cost = json.loads((self.path / "models" / f"{name}.json").read_text(encoding="utf-8"))
        return load(self.path / "models" / name), float(cost["cpu_seconds"])

    def keep_model(self, name: str, made: Made) -> None:
        """Keep a model: its cost first, because the model is what says that both are there."""
        if self.path is not None:
            cost = json.dumps({"cpu_seconds": made[1]})
            write_whole(self.path / "models" / f"{name}.json", cost.encode())
            made[0].save(self.path / "models" / name)
