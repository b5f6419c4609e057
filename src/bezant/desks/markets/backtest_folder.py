"""The folder of a market backtest: what each fit forecast, a file each, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bezant.traditional.markets import MarketForecast
from bezant.traditional.markets.forecast import ARRAYS
from bezant.types import InputError


@dataclass(frozen=True, eq=False)
class Refit:
    """One fit and what it forecast until the next.

    Attributes
    ----------
    time : datetime64
        Close of the last bar that taught.
    forecasts : mapping of model to MarketForecast
        Of the same origins, their rows those of all bars.
    weights : mapping of part to (float, float)
        In the combination, of variance and of quantiles.
    notes : tuple of str
    """

    time: np.datetime64
    forecasts: Mapping[str, MarketForecast]
    weights: Mapping[str, tuple[float, float]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BacktestFolder:
    """Where fits' forecasts are kept, a file each, so that a stopped backtest goes on; or nowhere.

    Attributes
    ----------
    path : Path or None
    """

    path: Path | None

    def begin(self, identity: Mapping[str, Any]) -> None:
        """Write down what is walked over, or check that it is the same.

        Raises
        ------
        InputError
            If the folder holds another backtest.
        """
        if self.path is None:
            return
        file = self.path / "backtest.json"
        said = json.dumps(identity, indent=1, sort_keys=True, default=str)
        if file.exists() and file.read_text(encoding="utf-8") != said:
            raise InputError(
                f"The folder {str(self.path)!r} holds a backtest of other bars or with other settings; give "
                "another folder."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        file.write_text(said, encoding="utf-8")

    def read(self, place: int) -> Refit | None:
        """Return what was kept of a fit, if anything."""
        if self.path is None or not (file := self._file(place)).exists():
            return None
        with np.load(file, allow_pickle=False) as kept:
            said = json.loads(str(kept["said"]))
            shape = tuple(said["horizons"]), tuple(said["levels"])
            forecasts = {
                name: MarketForecast(kept["rows"], *shape, *(kept[f"{k}.{part}"] for part in ARRAYS))
                for k, name in enumerate(said["models"])
            }
        weights = {name: (both[0], both[1]) for name, both in said["weights"].items()}
        return Refit(np.datetime64(said["time"]), forecasts, weights, tuple(said["notes"]))

    def keep(self, place: int, refit: Refit) -> None:
        """Keep a fit's forecasts in a file, whole or not at all."""
        if self.path is None:
            return
        one = next(iter(refit.forecasts.values()))
        said = {
            "time": str(refit.time),
            "models": list(refit.forecasts),
            "weights": refit.weights,
            "notes": refit.notes,
            "horizons": one.horizons,
            "levels": one.levels,
        }
        arrays: dict[str, Any] = {
            f"{k}.{part}": getattr(found, part)
            for k, found in enumerate(refit.forecasts.values())
            for part in ARRAYS
        }
        draft = self._file(place).with_suffix(".part.npz")
        np.savez_compressed(draft, said=np.array(json.dumps(said)), rows=one.rows, **arrays)
        draft.replace(self._file(place))

    def _file(self, place: int) -> Path:
        assert self.path is not None
        return self.path / f"fit-{place:04}.npz"
