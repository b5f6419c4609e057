"""The folder of a market backtest: what each fit forecast, a file each, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np

from bezant.artifacts import write_whole
from bezant.traditional.markets import MarketForecast
from bezant.traditional.markets.forecast import ARRAYS
from bezant.types import FloatArray, InputError, IntArray

TORN = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
"""What reading a file raises that was cut off or overwritten."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Refit:
    """One fit and what it forecast until the next.

    Attributes
    ----------
    time : datetime64
        Close of the last bar that taught.
    forecasts : mapping of model to MarketForecast
        Of the same origins, their rows those of all bars.
    weights : mapping of part to float array of shape (h, 2)
        In the combination over each horizon, of variance and of quantiles.
    notes : tuple of str
    """

    time: np.datetime64
    forecasts: Mapping[str, MarketForecast]
    weights: Mapping[str, FloatArray]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BacktestFolder:
    """Where fits' forecasts are kept, a file each, so that a stopped backtest goes on; or nowhere.

    Attributes
    ----------
    path : Path or None
    identity : str
        Digest of what is walked over and how; each file holds it, so that none is taken for another's.
    """

    path: Path | None
    identity: str

    @classmethod
    def begin(cls, path: str | Path | None, identity: Mapping[str, Any]) -> Self:
        """Write down what is walked over, or check that it is the same.

        Raises
        ------
        InputError
            If the folder holds another backtest.
        """
        said = json.dumps(identity, indent=1, sort_keys=True, default=str)
        folder = cls(None if path is None else Path(path), hashlib.sha256(said.encode()).hexdigest())
        if folder.path is None:
            return folder
        file = folder.path / "backtest.json"
        if file.exists() and file.read_text(encoding="utf-8") != said:
            folder._refuse()
        folder.path.mkdir(parents=True, exist_ok=True)
        write_whole(file, said.encode())
        return folder

    def read(self, place: int, time: np.datetime64, rows: IntArray) -> Refit | None:
        """Return what was kept of a fit at a time for some origins; None if nothing, or only a torn file.

        Raises
        ------
        InputError
            If the file is of another backtest, fit or origins.
        """
        if self.path is None or not (file := self._file(place)).exists():
            return None
        try:
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
                said = json.loads(str(kept["said"]))
                arrays = {name: kept[name] for name in kept.files if name != "said"}
        except TORN:
            logger.warning("%s cannot be read and is fitted again.", file.name)
            return None
        same = said.get("identity") == self.identity and said["time"] == str(time)
        if not same or not np.array_equal(arrays["rows"], rows):
            self._refuse()
        shape = tuple(said["horizons"]), tuple(said["levels"])
        forecasts = {
            name: MarketForecast(rows, *shape, *(arrays[f"{k}.{part}"] for part in ARRAYS))
            for k, name in enumerate(said["models"])
        }
        weights = {name: np.asarray(both, np.float64) for name, both in said["weights"].items()}
        return Refit(np.datetime64(time), forecasts, weights, tuple(said["notes"]))

    def keep(self, place: int, refit: Refit) -> None:
        """Keep a fit's forecasts in a file, whole or not at all."""
        if self.path is None:
            return
        one = next(iter(refit.forecasts.values()))
        said = {
            "identity": self.identity,
            "time": str(refit.time),
            "models": list(refit.forecasts),
            "weights": {name: both.tolist() for name, both in refit.weights.items()},
            "notes": refit.notes,
            "horizons": one.horizons,
            "levels": one.levels,
        }
        arrays: dict[str, Any] = {
            f"{k}.{part}": getattr(found, part)
            for k, found in enumerate(refit.forecasts.values())
            for part in ARRAYS
        }
        file = BytesIO()
        np.savez_compressed(file, said=np.array(json.dumps(said)), rows=one.rows, **arrays)
        write_whole(self._file(place), file.getvalue())

    def _refuse(self) -> NoReturn:
        raise InputError(
            f"The folder {str(self.path)!r} holds a backtest of other bars or with other settings; give "
            "another folder."
        )

    def _file(self, place: int) -> Path:
        assert self.path is not None
        return self.path / f"fit-{place:04}.npz"
