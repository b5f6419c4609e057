"""Regimes and breaks on a price: what is written is what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.evidence.markets.breaks import SurpriseSignal
from bezant.reports.market_breaks import price_with_breaks

BARS = 60


def drawn(regime: list[str]) -> str:
    move = np.random.default_rng(0).normal(size=BARS)
    signal = SurpriseSignal(
        np.datetime64("2024-01-01", "us") + np.arange(BARS) * np.timedelta64(1, "D"),
        move,
        0.5 * (np.log(2 * np.pi) + move**2),
        np.full(BARS, 0.01),
        np.array(regime),
        (),
        2520.0,
    )
    return price_with_breaks(signal, 100 + np.cumsum(move), title="A")


@pytest.mark.parametrize("shaded", [(), ("calm",), ("stormy",), ("calm", "stormy")])
def test_only_regimes_that_are_shaded_are_named(shaded: tuple[str, ...]) -> None:
    names = ["middling", *shaded]
    svg = drawn([names[i * len(names) // BARS] for i in range(BARS)])
    assert {name for name in ("calm", "stormy") if f">{name}</text>" in svg} == set(shaded)
    assert ("shaded: " + " and ".join(shaded) + ";" in svg) == bool(shaded)
