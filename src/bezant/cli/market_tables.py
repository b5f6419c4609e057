"""Forecasts of markets, and what is known of how good they are, as tables for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

    from bezant.desks.markets.backtest import MarketBacktest
    from bezant.desks.markets.forecaster import MarketForecaster

MOST_SHOWN = 30
"""Forecasts that are printed."""


def _empty(first: str, *titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first)
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def parts_table(market: MarketForecaster) -> Table:
    """Return held-out losses of every part and of their combination, with the weights of both kinds."""
    said, horizons = market.evaluation_, [str(h) for h in market.evaluation_.horizons]
    at = ", ".join(horizons)
    titles = ("variance, quantiles", f"QLIKE ({at})", f"pinball x 1e4 ({at})", f"90% band ({at})")
    table = _empty(f"{said.origins:,} origins held out", *titles)
    for name in said.variance_loss:
        part = market.parts_.get(name)
        weights = f"{part['variance_weight']:.0%}, {part['quantile_weight']:.0%}" if part else ""
        cells = (
            ", ".join(f"{v:.3f}" for v in said.variance_loss[name]),
            ", ".join(f"{1e4 * v:.2f}" for v in said.quantile_loss[name]),
            ", ".join(f"{v:.1%}" for v in said.covered[name]),
        )
        table.add_row(name, weights, *cells, style="" if part else "bold")
    return table


def forecast_table(found: pa.Table) -> Table:
    """Return forecasts as a table: volatility, P(up), the median and the ends of the 90 % band."""
    levels = [n for n in ("q0.05", "q0.5", "q0.95") if n in found.column_names]
    titles = {"q0.05": "5%", "q0.5": "median", "q0.95": "95%"}
    table = _empty("asset", "from", "bars", "volatility", "up", *(titles[n] for n in levels))
    for row in found.slice(0, MOST_SHOWN).to_pylist():
        table.add_row(
            str(row["asset"]),
            str(row["origin"])[:16].removesuffix(" 00:00"),
            str(row["horizon"]),
            f"{row['variance'] ** 0.5:.4g}",
            f"{row['p_up']:.1%}",
            *(f"{row[n]:+.4f}" for n in levels),
        )
    return table


def plain_rows(found: pa.Table) -> list[dict[str, Any]]:
    """Return forecasts as JSON-ready rows."""
    return [{k: str(v) if k == "origin" else v for k, v in row.items()} for row in found.to_pylist()]


def scores_table(walked: MarketBacktest) -> Table:
    """Return every model's loss on every task, beside the baseline's."""
    scores = walked.scores
    fits = "1 fit" if len(walked.refits) == 1 else f"{len(walked.refits)} fits"
    table = _empty(f"{len(walked.forecast):,} origins, {fits}", *(t.name for t in scores.tasks))
    for model in scores.tasks[0].losses:
        cells = (f"{t.figure(model):.3f}" if t.relative else f"{t.figure(model):+.3f}" for t in scores.tasks)
        table.add_row(model, *cells, style="bold" if model == scores.large else "")
    baselines = ((f"/ {t.baseline}" if t.relative else f"- {t.baseline}") for t in scores.tasks)
    table.add_row("loss", *baselines, style="dim")
    return table


def backtest_document(walked: MarketBacktest) -> dict[str, Any]:
    """Return a backtest as JSON-ready values."""
    scores = walked.scores
    return {
        "origins": len(walked.forecast),
        "fits": [str(t) for t in walked.refits],
        "verdict": scores.verdict,
        "unpredictable": scores.unpredictable,
        "tasks": [
            {
                "name": t.name,
                "measure": t.measure,
                "baseline": t.baseline,
                "losses": {m: float(v.mean()) for m, v in t.losses.items()},
                "could_be_best": list(t.confidence_set.included) if t.confidence_set else None,
                "difference": float((t.losses[scores.large] - t.losses[t.baseline]).mean()),
                "p_value": tested.p_value if (tested := t.against(scores.large, t.baseline)) else None,
                "adjusted_p_value": t.adjusted(scores.large).get(t.baseline),
                "best_other": (best := t.best_but(scores.large)),
                "against_best_other": t.lead(scores.large, best) if best is not None else None,
            }
            for t in scores.tasks
        ],
        "directions": [asdict(d) for d in scores.directions],
        "covered": {
            str(h): dict(zip(c.labels, c.rate.tolist(), strict=True)) for h, c in scores.by_asset.items()
        },
        "tails": {
            asset: {f"{level:g}": test.sentence for level, test in levels.items()}
            for asset, levels in scores.tails.items()
        },
        "notes": [*walked.notes, *scores.notes],
    }
