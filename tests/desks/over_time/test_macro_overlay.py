"""The macro overlay finds the effect that made the defaults, and agrees with another library."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bezant.desks.over_time.macro_overlay import MacroOverlay, fit_macro_overlay
from bezant.desks.over_time.stress import Scenario
from bezant.types import InputError

EFFECT, PERIODS = 0.4, 8


def economy(seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    quarters = pd.date_range("1990-01-01", "2004-10-01", freq="QS").as_unit("us")
    rate = 5 + np.cumsum(rng.normal(0, 0.5, len(quarters)))
    return pa.table({"quarter": pa.array(quarters), "rate": rate, "noise": rng.normal(size=len(quarters))})


def loans(n: int = 20_000, cutoff: str = "2004-01-01") -> dict[str, Any]:
    """Loans whose hazard a quarter is 0.01 times what the rate, known 90 days late, makes of it."""
    rng, macro = np.random.default_rng(1), economy()
    start = np.datetime64("1991-01-01") + rng.integers(0, 4500, n).astype("timedelta64[D]")
    known = macro["quarter"].to_numpy().astype("datetime64[D]") + np.timedelta64(90, "D")
    rate = macro["rate"].to_numpy()
    duration, event = np.full(n, np.inf), np.zeros(n, bool)
    for t in range(PERIODS):
        begins = start + np.timedelta64(round(t * 3 * 365.25 / 12), "D")
        z = rate[np.searchsorted(known, begins, side="right") - 1]
        hits = ~event & (rng.random(n) < 0.01 * np.exp(EFFECT * (z - rate.mean())))
        duration[hits], event[hits] = 3 * (t + rng.random(hits.sum())), True
    followed = (np.datetime64(cutoff) - start) / np.timedelta64(1, "D") / (365.25 / 12)
    alive = followed > 0
    seen = event & (duration <= followed)
    return {
        "hazards": np.full((alive.sum(), PERIODS), 0.01),
        "duration": np.where(seen, duration, np.minimum(followed, 99))[alive],
        "event": seen[alive],
        "originated": start[alive],
    }


def fit(columns: tuple[str, ...] = ("rate",), **changes: Any) -> MacroOverlay:
    """Fit without a say on signs."""
    return signed(dict.fromkeys(columns, 0), **changes)


def signed(signs: dict[str, int], **changes: Any) -> MacroOverlay:
    asked = {"lag": timedelta(days=90), "period": 3, "observed": "quarter", "macro": economy()} | changes
    return fit_macro_overlay(**(loans() | asked), signs=signs)


def test_the_effect_that_made_the_defaults_is_found_and_noise_is_not() -> None:
    overlay = fit(("rate", "noise"))
    assert abs(overlay.coefficients[0] - EFFECT) < 3 * overlay.standard_errors[0]
    assert overlay.coefficients[0] > 5 * overlay.standard_errors[0]
    notes = " ".join(overlay.notes([Scenario("x", {"rate": 5.0, "noise": 99.0})]))
    assert "'noise' moves" in notes and "not told from none" in notes
    assert "1 of 1 values of 'noise' lie outside" in notes


def test_the_regression_is_that_of_another_library() -> None:
    api = pytest.importorskip("statsmodels.api")
    from bezant.desks.over_time import macro_overlay

    rng = np.random.default_rng(0)
    z, expected = rng.normal(size=(40, 2)), rng.uniform(5, 50, 40)
    came = rng.poisson(expected * np.exp(0.3 * z[:, 0])).astype(float)
    design = api.add_constant(z)
    ours = macro_overlay._poisson(
        design, came, expected, np.zeros(3), macro_overlay._spread(design, came, expected)
    )
    other = api.GLM(came, api.add_constant(z), family=api.families.Poisson(), exposure=expected)
    other = other.fit(scale=max(other.fit(scale="X2").scale, 1.0))
    np.testing.assert_allclose(ours.coefficients, other.params, rtol=1e-6)
    np.testing.assert_allclose(ours.errors, other.bse, rtol=1e-5)


def test_a_figure_with_the_wrong_sign_is_left_out_and_the_notes_say_so() -> None:
    free = fit(("rate", "noise"))
    against = -1 if free.coefficients[1] > 0 else 1
    overlay = signed({"rate": 1, "noise": against})
    assert overlay.coefficients[1] == overlay.standard_errors[1] == 0
    assert overlay.coefficients[0] == pytest.approx(signed({"rate": 1}).coefficients[0])
    path = Scenario("x", {"rate": 5.0, "noise": 0.0})
    assert "'noise' went against its sign, or added nothing to the others, and has no effect" in " ".join(
        overlay.notes([path])
    )


def test_if_every_figure_goes_against_its_sign_there_is_no_overlay() -> None:
    with pytest.raises(InputError, match=r"no figure moves defaults in the stated direction: 'rate' \(-1\)"):
        signed({"rate": -1})


def test_the_best_fit_under_the_signs_is_that_of_a_search() -> None:
    from scipy.optimize import minimize

    from bezant.desks.over_time import macro_overlay

    rng = np.random.default_rng(3)
    z, expected, years = rng.normal(size=(60, 3)), rng.uniform(5, 50, 60), np.linspace(-15, 0, 60)
    z[:, 1] += z[:, 0]
    came = rng.poisson(expected * np.exp(0.3 * z[:, 0] - 0.2 * z[:, 1] + 0.05 * years)).astype(float)
    ours = macro_overlay._regressed({"a": 1, "b": 1, "c": -1}, z, years, came, expected)
    centre = np.average(z, axis=0, weights=expected)
    spread = np.average((z - centre) ** 2, axis=0, weights=expected)
    design = np.column_stack([np.ones(60), years, z - centre])
    excess = macro_overlay._spread(design, came, expected)

    def loss(found: Any) -> float:
        line = design @ found
        drawn = (spread / macro_overlay.SHRINKAGE**2) @ found[2:] ** 2 / 2
        return float(-(came @ line - (expected * np.exp(line)).sum()) / excess + drawn)

    bounds = [(None, None), (None, None), (0, None), (0, None), (None, 0)]
    other = minimize(loss, np.zeros(5), bounds=bounds, method="L-BFGS-B", tol=1e-14)
    np.testing.assert_allclose(ours.coefficients, other.x[2:], atol=2e-4)
    np.testing.assert_allclose([ours.level, ours.trend], other.x[:2], atol=2e-3)


def test_a_drift_of_the_years_does_not_pass_for_the_effect_of_a_figure_that_drifts() -> None:
    from bezant.desks.over_time import macro_overlay

    rng = np.random.default_rng(0)
    years = np.linspace(-15, 0, 60)
    z = (0.3 * years + rng.normal(0, 0.3, 60))[:, None]
    expected = np.full(60, 100.0)
    came = rng.poisson(expected * np.exp(0.1 * years)).astype(float)
    apart = macro_overlay._regressed({"a": 0}, z, years, came, expected)
    mixed = macro_overlay._regressed({"a": 0}, z, np.zeros(60), came, expected)
    assert mixed.coefficients[0] > 5 * mixed.standard_errors[0]
    assert abs(apart.coefficients[0]) < 2.5 * apart.standard_errors[0]
    assert apart.trend == pytest.approx(0.1, abs=0.03)


def test_a_worse_path_raises_every_probability_and_today_leaves_them() -> None:
    overlay = fit()
    hazards = np.linspace(0.001, 0.1, 5)[:, None] * np.ones(PERIODS)
    calm = Scenario("calm", {"rate": float(overlay.centre[0])})
    level = np.exp(overlay.level)
    wanted = 1 - (1 - hazards[:, 0] * level) ** 4
    np.testing.assert_allclose(overlay.stressed(hazards, calm, 4), wanted)
    worse = Scenario("worse", {"rate": tuple(overlay.centre[0] + np.arange(4.0))})
    assert (overlay.stressed(hazards, worse, 4) > overlay.stressed(hazards, calm, 4)).all()
    assert overlay.stressed(np.full((1, 4), 0.9), worse, 4)[0] <= 1


def test_figures_published_after_the_cut_off_change_nothing() -> None:
    macro = economy()
    late = macro["quarter"].to_numpy() >= np.datetime64("2004-01-01")
    rate = np.where(late, 1e6, macro["rate"].to_numpy())
    garbage = macro.set_column(1, "rate", pa.array(rate))
    inside = loans()
    one, two = (
        fit_macro_overlay(
            **inside, macro=m, signs={"rate": 1}, period=3, observed="quarter", lag=timedelta(days=90)
        )
        for m in (macro, garbage)
    )
    np.testing.assert_array_equal(one.coefficients, two.coefficients)


def test_periods_without_a_known_figure_are_counted_in_the_notes() -> None:
    macro, inside = economy(), loans()
    path = Scenario("x", {"rate": 5.0})
    assert not any("taught the overlay nothing" in note for note in fit().notes([path]))
    rate = macro["rate"].to_numpy().copy()
    rate[[10, 11]] = np.nan  # two quarters were never published
    overlay = fit(macro=macro.slice(8).set_column(1, "rate", pa.array(rate[8:])))
    known = macro["quarter"].to_numpy().astype("datetime64[D]") + np.timedelta64(90, "D")
    at_risk = unknown = 0
    for duration, start in zip(inside["duration"], inside["originated"], strict=True):
        for t in range(PERIODS):
            if 3 * t < duration:
                begins = start + np.timedelta64(round(t * 3 * 365.25 / 12), "D")
                quarter = np.searchsorted(known, begins, side="right") - 1
                at_risk, unknown = at_risk + 1, unknown + (quarter < 8 or quarter in (10, 11))
    assert 0 < unknown < at_risk
    wanted = f"{unknown:,} of the {at_risk:,} periods of loans at risk began when a figure was not known"
    assert any(note.startswith(wanted) for note in overlay.notes([path]))


@pytest.mark.parametrize(
    ("values", "said"), [({"other": 1.0}, "lacks the figure 'rate'"), ({"rate": (5.0, 6.0)}, "shorter")]
)
def test_a_scenario_that_does_not_fit_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        fit().stressed(np.full((2, PERIODS), 0.01), Scenario("x", values), 4)


def test_what_cannot_be_learned_or_asked_is_refused() -> None:
    with pytest.raises(InputError, match="cannot teach"):
        fit(macro=economy()[:3].slice(0, 2))
    with pytest.raises(InputError, match="gives 2 for the figure 'rate'"):
        signed({"rate": 2})
    with pytest.raises(InputError, match="names no figure"):
        signed({})
    with pytest.raises(InputError, match="not stated"):
        fit(lag=None)
    with pytest.raises(InputError, match="periods is 9"):
        fit().stressed(np.full((2, PERIODS), 0.01), Scenario("x", {"rate": 5.0}), 9)


def test_a_scenario_of_figures_that_were_not_learned_is_refused() -> None:
    overlay = fit()
    known = dict.fromkeys(overlay.columns, 5.0)
    with pytest.raises(InputError, match="moves 'house prices', of which the overlay has learned nothing"):
        overlay.factors(Scenario("x", {**known, "house prices": 1.0}), 4)
