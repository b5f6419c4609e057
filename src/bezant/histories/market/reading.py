"""From any table to :class:`Bars`: columns found, typed, sorted, and what looks wrong is said."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.histories.market.bars import Bars, Change
from bezant.histories.market.jumps import said_of_splits
from bezant.histories.ordering import without_blanks
from bezant.histories.readers import read_table
from bezant.schema import Role, infer_schema, unknown_column, without_infinities
from bezant.types import AnyArray, FloatArray, Frame, InputError, IntArray

PRICES = ("open", "high", "low", "close", "volume")

TIMES = ("time", "date", "datetime", "timestamp")
"""What the column of times may be called if nobody says."""


def read_bars(
    source: Frame,
    *,
    asset: str | None = "asset",
    time: str = "time",
    value: str | Sequence[str] | None = None,
    adjusted: str | None = None,
    names: Mapping[str, str] | None = None,
    change: Change = "log",
) -> Bars:
    """Read bars, or single values, of one asset or many.

    Rows without a price are left out, rows out of order are sorted, an open or close outside of low and
    high widens them; every such step is in the notes of the result, and so is a jump that looks like a
    split nobody adjusted for.

    Parameters
    ----------
    source : path, URL or frame
        Whatever :func:`~bezant.histories.read_table` reads; texts become numbers and times.
    asset : str or None, default "asset"
        Column that names the asset; None if all rows are of one.
    time : str, default "time"
        Column of the moment at which the bar closed; where there is no "time", the only one called date,
        datetime or timestamp. A date alone is its midnight.
    value : str or sequence of str, optional
        Column of single values, instead of open to close. Several, in a table without ``asset``, become an
        asset each, named as they are.
    adjusted : str, optional
        Column of the close adjusted for splits and dividends, default ``"adjusted_close"`` or ``"Adj
        Close"`` where the table has it. Returns are then those of adjusted prices, levels those of raw ones.
    names : mapping of str to str, optional
        Where open, high, low, close and volume have other names here, such as ``{"close": "Last"}``;
        capitals make no other name. Of those that are not named and not there, only ``close`` is needed.
    change : {"log", "difference"}, default "log"
        "difference" for what may be 0 or negative: rates, spreads.

    Returns
    -------
    Bars

    Raises
    ------
    InputError
        If a column is missing, times repeat, prices are not positive, a high lies below its low, or
        nothing is left.
    """
    table = read_table(source)
    time = time_column(table, time)
    notes: list[str] = []
    if value is not None and not isinstance(value, str):
        parts = [_columns(table, None, time, {"close": name}, notes, label=name) for name in value]
        columns = pa.concat_tables(parts)
    else:
        wanted = {"close": value} if value is not None else _price_columns(table, adjusted, names or {})
        columns = _columns(table, asset, time, wanted, notes, label=value or "asset")
    if change == "log":
        _refuse_negative(
            columns, {} if isinstance(value, Sequence) and not isinstance(value, str) else wanted
        )
    found = _assembled(columns, change, notes)
    return dataclasses.replace(found, notes=(*notes, *said_of_splits(found)))


def _price_columns(table: pa.Table, adjusted: str | None, names: Mapping[str, str]) -> dict[str, str]:
    unknown = [name for name in names if name not in PRICES]
    if unknown:
        raise InputError(f"A bar has no {unknown[0]!r}; names may be given for {', '.join(PRICES)}.")
    found = {name: names.get(name) or _called(table, (name,)) for name in PRICES}
    found["adjusted"] = adjusted or _called(table, ("adjusted_close", "adj_close"))
    kept = {name: column for name, column in found.items() if column is not None}
    return kept if "close" in kept else {"close": "close"} | kept


def time_column(table: pa.Table, time: str) -> str:
    """Return the column of times: as it is called, or where that is "time" the only one that it may be."""
    return (_called(table, TIMES) or time) if time == TIMES[0] else time


def _called(table: pa.Table, names: Sequence[str]) -> str | None:
    """Return the column that has the first name, or the only one that has any of them but for capitals."""
    if names[0] in table.column_names:
        return names[0]
    found = [name for name in table.column_names if name.lower().replace(" ", "_") in names]
    return found[0] if len(found) == 1 else None


def _columns(
    table: pa.Table,
    asset: str | None,
    time: str,
    wanted: Mapping[str, str],
    notes: list[str],
    label: str,
) -> pa.Table:
    """Return asset, time and the wanted columns under the container's names; rows without close left out."""
    for name in (*([asset] if asset else []), time, *wanted.values()):
        if name not in table.column_names:
            hint = "give asset=None if all rows are of one asset" if name == asset else ""
            raise unknown_column(name, table.column_names, mend=hint)
    owners = without_blanks(table[asset]).cast(pa.string()) if asset else None
    if owners is not None and owners.null_count:
        raise InputError(
            f"Column {asset!r} is missing in {owners.null_count} of {table.num_rows} rows; fill it."
        )
    typed, said = _typed(table.select([time, *wanted.values()]), time)
    notes.extend(said)
    columns = {name: typed[column] for name, column in wanted.items()}
    if owners is None:
        owners = pa.array([label] * table.num_rows, pa.string())
    times = typed[time]
    if times.null_count:
        raise InputError(
            f"Column {time!r} is missing in {times.null_count} of {table.num_rows} rows; fill it."
        )
    whole = pa.table({"asset": owners, "time": times} | columns)
    filled = pc.and_kleene(pc.is_valid(columns["close"]), pc.is_finite(columns["close"])).fill_null(False)
    lost = table.num_rows - (pc.sum(filled).as_py() or 0)
    if lost:
        notes.append(
            f"{lost} of {table.num_rows} rows {'has' if lost == 1 else 'have'} no number in "
            f"{wanted['close']!r}: left out."
        )
    return whole.filter(filled)


def _refuse_negative(columns: pa.Table, wanted: Mapping[str, str]) -> None:
    """Refuse prices of 0 or less under the name that their column has in the source."""
    for name in ("close", "open", "high", "low"):
        if name not in columns.column_names:
            continue
        wrong = columns.filter(pc.less_equal(columns[name], 0.0).fill_null(False))
        if wrong.num_rows:
            first, bars = wrong.slice(0, 1).to_pylist()[0], columns.num_rows
            if name not in wanted:  # each asset was a column
                wrong = wrong.filter(pc.equal(wrong["asset"], first["asset"]))
                bars = columns.filter(pc.equal(columns["asset"], first["asset"])).num_rows
            raise InputError(
                f"Column {wanted.get(name, first['asset'])!r} is not positive in {wrong.num_rows} of "
                f"{bars} bars, such as {first[name]:g} of {first['asset']!r} at {first['time']}; "
                "leave those bars out, or give change='difference' where a value may be 0 or less."
            )


def _typed(table: pa.Table, time: str) -> tuple[pa.Table, tuple[str, ...]]:
    """Return times as timestamp[us] and everything else as float64; texts are read by a schema."""
    texts = [f.name for f in table.schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    said: tuple[str, ...] = ()
    if texts:
        meaning = infer_schema(table.select(texts), time=time if time in texts else None)
        read = meaning.conform(table.select(texts), roles=tuple(Role))
        said = read.notes
        for name in texts:
            table = table.set_column(table.column_names.index(name), name, read.table[name])
    table, infinite = without_infinities(table)
    said += infinite
    for k, name in enumerate(table.column_names):
        column = table[name]
        try:
            if name == time:
                table = table.set_column(k, name, _instants(column))
            else:
                table = table.set_column(k, name, column.cast(pa.float64(), safe=False))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, InputError) as error:
            what = "times" if name == time else "numbers"
            raise InputError(
                f"Column {name!r} of {table.num_rows} rows holds {column.type} instead of {what}; turn it "
                f"into {what} first."
            ) from error
    return table, said


def _instants(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        raise InputError("no times")
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp("us", "UTC"), safe=False)
    return column.cast(pa.timestamp("us"), safe=False)


def _assembled(columns: pa.Table, change: Change, notes: list[str]) -> Bars:
    if not columns.num_rows:
        raise InputError("There are 0 bars with a price; give at least one row.")
    encoded = columns["asset"].combine_chunks().dictionary_encode()
    owner = encoded.indices.to_numpy().astype(np.int64)
    time = columns["time"].to_numpy().astype("datetime64[us]")
    assets = np.array(encoded.dictionary.to_pylist(), dtype=str)
    order = _order(owner, time, notes)
    owner, time = owner[order], time[order]
    _refuse_repeated(assets, owner, time)
    series = {
        name: columns[name].to_numpy().astype(np.float64)[order]
        for name in columns.column_names
        if name not in ("asset", "time")
    }
    if "adjusted" in series:
        series["factor"] = series.pop("adjusted") / series["close"]
        _refuse_unadjusted(series["factor"])
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(assets)))]).astype(np.int64)
    ranged = _widened(series, notes)
    return Bars(assets, offsets, time, change=change, **ranged)


def _order(owner: IntArray, time: AnyArray, notes: list[str]) -> IntArray:
    order = np.lexsort((time, owner))
    moved = int(np.sum(time[1:][owner[1:] == owner[:-1]] < time[:-1][owner[1:] == owner[:-1]]))
    if moved:
        notes.append(
            f"{moved} of {len(time)} rows {'was' if moved == 1 else 'were'} earlier than the row before; "
            "rows were sorted by time."
        )
    return order


def _refuse_repeated(assets: AnyArray, owner: IntArray, time: AnyArray) -> None:
    same = np.flatnonzero((np.diff(owner) == 0) & (time[1:] == time[:-1])) + 1
    if len(same):
        raise InputError(
            f"{len(same)} of {len(time)} rows {'repeats' if len(same) == 1 else 'repeat'} a time of their "
            f"asset, such as {str(assets[owner[same[0]]])!r} at {time[same[0]].astype('datetime64[s]')}; "
            "keep one bar each, or name the column that tells assets apart."
        )


def _refuse_unadjusted(factor: FloatArray) -> None:
    wrong = int((~np.isfinite(factor) | (factor <= 0)).sum())
    if wrong:
        raise InputError(
            f"The adjusted close is missing or not positive in {wrong} of {len(factor)} rows; fill it."
        )


def _widened(series: dict[str, FloatArray], notes: list[str]) -> dict[str, Any]:
    """Let low and high hold open and close (feeds round them differently); drop an incomplete set."""
    parts = [name for name in ("open", "high", "low") if name in series]
    if 0 < len(parts) < 3:
        notes.append(f"{' and '.join(parts)} alone make no range and are left aside.")
        return {k: v for k, v in series.items() if k not in parts}
    if not parts:
        return series
    partial = ~np.isfinite(series["open"] + series["high"] + series["low"])
    if partial.any():
        notes.append(
            f"{int(partial.sum())} of {len(partial)} bars {'lacks' if partial.sum() == 1 else 'lack'} an "
            "open, high or low: no range there."
        )
        series |= {name: np.where(partial, np.nan, series[name]) for name in parts}
    sound = ~(series["high"] < series["low"])  # the container refuses the others
    high = np.fmax(series["high"], np.fmax(series["open"], series["close"]))
    low = np.fmin(series["low"], np.fmin(series["open"], series["close"]))
    wider = sound & ~partial & ((high > series["high"]) | (low < series["low"]))
    if wider.any():
        notes.append(
            f"{int(wider.sum())} of {len(wider)} bars open or close outside their low and high, which were "
            f"widened."
        )
    return series | {
        "high": np.where(wider, high, series["high"]),
        "low": np.where(wider, low, series["low"]),
    }
