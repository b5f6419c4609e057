"""Between frames and markets: what kind an answer has, its columns, and bars as tensors to save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from bezant.histories import like_input
from bezant.histories.market import Bars
from bezant.histories.market.bars import SERIES
from bezant.histories.readers.frames import is_pandas
from bezant.traditional.markets import MarketForecast
from bezant.types import AnyArray, Frame


def kind_of_bars(source: Frame | Bars) -> str:
    """Return the kind of answer that belongs to an input: "pandas", "polars", "mapping" or "arrow"."""
    if is_pandas(source):
        return "pandas"
    if isinstance(source, Mapping):
        return "mapping"
    return "polars" if type(source).__module__.split(".")[0] == "polars" else "arrow"


def tidy(found: MarketForecast, bars: Bars, kind: str, *, came: bool = False) -> Frame:
    """Return a row an origin and horizon: asset, origin, horizon, variance, p_up, a column a quantile.

    Quantiles are of the change, ``q0.05``, and of the close it leads to, ``level_q0.05``. With ``came`` a
    column ``change`` says what came, NaN where it is not known.
    """
    count = len(found.horizons)
    rows = np.repeat(found.rows, count)
    columns: dict[str, Any] = {
        "asset": pa.array(bars.assets[bars.owner[rows]].tolist(), pa.string()),
        "origin": pa.array(bars.time[rows].astype("datetime64[us]")),
        "horizon": np.tile(np.asarray(found.horizons, np.int64), len(found)),
        "variance": found.variance.ravel(),
        "p_up": found.up.ravel(),
    }
    flat = found.quantiles.reshape(-1, len(found.levels))
    columns |= {f"q{level:g}": np.ascontiguousarray(flat[:, j]) for j, level in enumerate(found.levels)}
    close = bars.close[rows][:, None]
    reached = close * np.exp(flat) if bars.change == "log" else close + flat
    columns |= {f"level_q{v:g}": np.ascontiguousarray(reached[:, j]) for j, v in enumerate(found.levels)}
    if came:
        columns["change"] = np.stack([bars.ahead(h)[found.rows] for h in found.horizons], axis=1).ravel()
    if kind == "mapping":
        return {
            k: v.to_numpy(zero_copy_only=False) if isinstance(v, pa.Array) else v for k, v in columns.items()
        }
    if kind == "arrow":
        return pa.table(columns)
    if kind == "pandas":
        import pandas

        return like_input(pandas.DataFrame(), columns)
    import polars

    return like_input(polars.DataFrame(), columns)


def bars_to_tensors(bars: Bars) -> dict[str, Tensor]:
    """Return the numbers of bars by name."""
    series = {name: values for name in SERIES if (values := getattr(bars, name)) is not None}
    series |= {f"covariate.{name}": values for name, values in bars.covariates.items()}
    arrays: dict[str, AnyArray] = {n: np.array(values, np.float64) for n, values in series.items()}
    arrays |= {"time": bars.time.astype("datetime64[us]").astype(np.int64), "offsets": bars.offsets.copy()}
    return {name: torch.from_numpy(values) for name, values in arrays.items()}


def bars_from_tensors(tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> Bars:
    """Build bars again from :func:`bars_to_tensors` and what :func:`bars_document` said."""
    arrays = {name: values.numpy() for name, values in tensors.items()}
    covariates = {name: arrays[f"covariate.{name}"] for name in document["covariates"]}
    return Bars(
        np.array(document["assets"], dtype=str),
        arrays["offsets"],
        arrays["time"].astype("datetime64[us]"),
        **{name: arrays[name] for name in SERIES if name in arrays},
        covariates=covariates,
        change=document["change"],
        notes=tuple(document["notes"]),
    )


def bars_document(bars: Bars) -> dict[str, Any]:
    """Return what is not a number of bars as JSON-ready values."""
    return {
        "assets": bars.assets.tolist(),
        "covariates": list(bars.covariates),
        "change": bars.change,
        "notes": list(bars.notes),
    }
