"""Covariates of bars (volatility implied by options, rates, the economy) as they were known at the close."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa

from bezant.histories.as_of import join_as_of
from bezant.histories.market.bars import Bars
from bezant.histories.market.reading import time_column
from bezant.histories.readers import read_table
from bezant.schema import infer_schema, without_infinities
from bezant.types import Frame, InputError


def with_covariates(
    bars: Bars,
    source: Frame,
    *,
    columns: Sequence[str],
    time: str = "time",
    asset: str | None = None,
    published: str | None = None,
    lag: timedelta | None = None,
    inclusive: bool = True,
) -> Bars:
    """Give every bar what had been published when it closed.

    Parameters
    ----------
    bars : Bars
    source : path, URL or frame
        Covariates in any order, with all their revisions.
    columns : sequence of str
        Columns of numbers to join.
    time : str, default "time"
        Column of the period a row describes; where there is no "time", as :func:`read_bars` finds it.
    asset : str, optional
        Column that names the asset, where covariates differ by asset.
    published : str, optional
        Column with the moment each row became known.
    lag : timedelta, optional
        Time from ``time`` until a row became known, where no such column exists; ``timedelta(0)`` says
        that it is known at once. One of the two must be given: it is never guessed.
    inclusive : bool, default True
        Whether what was published at the very moment of the close is known. Turn it off where both are
        dates and the publication may come after the close.

    Returns
    -------
    Bars
        With these covariates; NaN where nothing was known, which the notes count.

    Raises
    ------
    InputError
        If neither or both of ``published`` and ``lag`` are given, or a column is missing or no number.
    """
    table = read_table(source)
    time = time_column(table, time)
    keys = [asset] if asset else []
    kept = list(dict.fromkeys([*keys, time, *([published] if published else []), *columns]))
    absent = [name for name in kept if name not in table.column_names]
    if absent:
        raise InputError(f"There is no column {absent[0]!r} among {', '.join(table.column_names)}.")
    finite, infinite = without_infinities(_typed(table.select(kept)))
    right = finite.rename_columns(["asset" if n == asset else n for n in kept])
    left = pa.table({"asset": bars.assets[bars.owner], "bar closed": bars.time})
    joined = join_as_of(
        left.rename_columns(["asset", time] if published != time else ["asset", "bar closed"]),
        right,
        time=time if published != time else "bar closed",
        by=["asset"] if asset else (),
        published=published,
        lag=lag,
        observed=time,
        inclusive=inclusive,
    )
    added = {name: _numbers(joined[name], name) for name in columns}
    said = [
        f"Covariate {name!r} was not known yet at {int(np.isnan(values).sum())} of {len(bars)} bars."
        for name, values in added.items()
        if np.isnan(values).any()
    ]
    return dataclasses.replace(
        bars, covariates=dict(bars.covariates) | added, notes=(*bars.notes, *infinite, *said)
    )


def _typed(table: pa.Table) -> pa.Table:
    texts = [f.name for f in table.schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    if not texts:
        return table
    read = infer_schema(table.select(texts))
    from_text = read.conform(table.select(texts), roles=tuple({f.role for f in read.fields})).table
    for name in texts:
        table = table.set_column(table.column_names.index(name), name, from_text[name])
    return table


def _numbers(column: pa.ChunkedArray, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(
            f"Covariate {name!r} holds {column.type} in its {len(column)} rows where numbers are needed."
        ) from error
