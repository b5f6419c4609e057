"""The page of a model of demand: what was expected and what came, and what is expected of whom next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from bezant.desks.customers.demand_fit import FittedDemand, outcomes
from bezant.desks.customers.demand_rows import DemandRows, Window
from bezant.desks.customers.demand_segments import Segments, customer_segments
from bezant.evidence.demand import LABELS, DemandEvaluation, Outlook
from bezant.evidence.demand_curves import DEPTHS, DemandCurves
from bezant.reports import customers as maps
from bezant.reports import demand as pictures
from bezant.reports.canvas import LineStyle, line_styles
from bezant.reports.page import Page, PageTable, Section, now, write_page
from bezant.reports.pictures import Drawn
from bezant.traditional.demand import Purchases
from bezant.types import AnyArray, FloatArray, InputError

LINES = (0.999, 0.97, 0.85, 0.6, 0.3, 0.05)
"""Whose purchases are drawn: places among the customers, by expected purchases."""

MOST_LINES = 20
"""Customers that are drawn."""

GLOSSARY = {
    "Expected purchases": "Days with a purchase within the horizon, on average over what may happen.",
    "P(active)": "Probability of any purchase within the horizon.",
    "Cohort": "Customers whose first purchase fell into the same week, month, quarter or year.",
    "Tenth": "Customers in order of what is expected of them, cut into ten groups of one size.",
    "Lift": "What the customers with the greatest expectations did, over what all did on average; 1 is no "
    "better than chance.",
    "Error of the total": "Sum of the expectations over what came, less 1.",
    "Poisson deviance": "Distance of expected from observed counts; 0 is perfect, and zeros for all are not "
    "rewarded.",
    "Interval": "Range that would hold the figure in 95% of repeated samples of customers.",
}
"""What the page's words mean."""


def write_demand_page(
    path: str | Path,
    fitted: FittedDemand,
    known: Purchases,
    window: Window,
    evaluation: DemandEvaluation,
    *,
    later: Purchases | None,
    amounts: bool,
    customers: Sequence[object] | None,
    notes: Sequence[str],
    title: str,
    created: str | None,
) -> Path:
    """Write the page of a fitted model of demand.

    Parameters
    ----------
    path : path
    fitted : FittedDemand
    known : Purchases
        What was learned from.
    window : Window
        The horizon after it.
    evaluation : DemandEvaluation
        What is shown of predicted and observed demand.
    later : Purchases or None
        A log that reaches the window's end, if there is one.
    amounts : bool
        Whether spend is predicted.
    customers : sequence or None
        Whose purchases are drawn; some from all over the range of expectations if None.
    notes : sequence of str
    title, created : str
        Heading, and the moment to print; now if None.
    """
    rows, outlook = fitted.outlook(known, window)
    columns = {"expected_count": outlook.count, "expected_spend": outlook.spend, "p_active": outlook.active}
    if not amounts:
        columns["expected_spend"] = np.full(len(outlook.count), np.nan)
    groups = customer_segments(rows.summary, columns)
    came = None if later is None else outcomes(later, rows)
    styles = line_styles(_ordered(evaluation), evaluation.large)
    page = Page(
        title=title,
        created=created or now(),
        verdict=evaluation.verdict,
        facts=_facts(known, window, evaluation, outlook, amounts),
        opening=_opening(evaluation, styles),
        sections=(
            _comparison(evaluation, amounts),
            _lifts(evaluation, styles, amounts),
            _segments(groups, came, amounts),
            _customers(rows, outlook, known, later, customers, amounts),
        ),
        notes=(*evaluation.notes, *notes),
        glossary=GLOSSARY,
    )
    return write_page(page, path)


def _ordered(evaluation: DemandEvaluation) -> list[str]:
    others = [m for m in evaluation.figures if m != evaluation.large]
    others.sort(key=lambda model: (evaluation.figures[model]["deviance"].value, model))
    return [evaluation.large, *others]


def _facts(
    known: Purchases, window: Window, evaluation: DemandEvaluation, outlook: Outlook, amounts: bool
) -> dict[str, str]:
    facts = {
        "Customers": f"{len(known.names):,}",
        "Days with a purchase": f"{len(known.day):,}",
        "Known": f"{known.day.min()} – {window.cut - np.timedelta64(1, 'D')}",
        "Horizon": f"{window.weeks:g} weeks, to {window.end}",
        "Judged on": f"{evaluation.rows:,} customers",
        "Purchases expected": f"{outlook.count.sum():,.0f}",
        "Active customers expected": f"{outlook.active.sum():,.0f}",
    }
    return facts | ({"Spend expected": f"{outlook.spend.sum():,.0f}"} if amounts else {})


# --------------------------------------------------------------------------- predicted and observed

NO_CURVES = (
    "The model was saved before figures by group were kept; fit it again, or give a log that reaches the end "
    "of the horizon."
)

NOBODY_BOUGHT = (
    "Nobody bought within the horizon: there is no lift to draw, and no total that the expected one could be "
    "compared with."
)


def _opening(evaluation: DemandEvaluation, styles: Mapping[str, LineStyle]) -> tuple[Drawn, ...]:
    curves = evaluation.curves
    if curves is None:
        return ()
    drawn = []
    if curves.cohorts is not None and len(curves.cohorts.labels) > 1:
        two = {model: styles[model] for model in list(styles)[:2]}
        said = (
            "Mean days with a purchase, by when customers first bought; bars are 95% intervals of what came."
        )
        svg = pictures.by_cohort(curves.cohorts, styles=two)
        drawn.append(Drawn("Demand by cohort", said, Markup(svg)))
    svg = pictures.by_tenth(curves.purchases, large=evaluation.large, what="purchases a customer")
    said = (
        f"Customers by what {evaluation.large} expected, in ten groups of one size; bars are 95% intervals."
    )
    drawn.append(Drawn("Expected and observed purchases", said, Markup(svg)))
    return tuple(drawn)


def _comparison(evaluation: DemandEvaluation, amounts: bool) -> Section:
    shown = [name for name in LABELS if amounts or not name.startswith("spend")]
    rows = [
        (model, *(_cell(name, evaluation.figures[model][name].value) for name in shown))
        for model in _ordered(evaluation)
    ]
    heads = ("Model", *(LABELS[name] for name in shown))
    tables = [
        PageTable(
            heads, tuple(rows), large=evaluation.large, caption="AUC: more is better; all else: nearer to 0."
        )
    ]
    if evaluation.curves is not None:
        tables.append(_totals(evaluation.curves, _ordered(evaluation), amounts))
    return Section(
        "comparison",
        "Beside the other models",
        f"All models answered for the same {evaluation.rows:,} customers.",
        tables=tuple(tables),
        gaps=() if evaluation.curves is not None else (NO_CURVES,),
    )


def _cell(name: str, value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return (
        f"{value:+.1%}" if name.endswith("total_error") else f"{value:.4f}" if value < 10 else f"{value:,.2f}"
    )


def _totals(curves: DemandCurves, models: Sequence[str], amounts: bool) -> PageTable:
    heads = ("Totals", "Purchases", *(["Spend"] if amounts else []), "Active customers")
    rows = []
    for model in ("", *models):
        count, spend, active = (f"{v:,.0f}" for v in curves.totals[model])
        rows.append((model or "Observed", count, *([spend] if amounts else []), active))
    return PageTable(heads, tuple(rows), large=models[0])


def _lifts(evaluation: DemandEvaluation, styles: Mapping[str, LineStyle], amounts: bool) -> Section:
    curves = evaluation.curves
    if curves is None:
        return Section("lift", "Lift and calibration", gaps=(NO_CURVES,))
    drawn = []
    for what, title, words in (("active", "Who buys at all", "buy at all"), ("spend", "Who spends", "spend")):
        if (what == "active" or amounts) and curves.lift[what][evaluation.large]:
            order = "P(active)" if what == "active" else "expected spend"
            said = f"By {order}: how many times the average the customers with the greatest expectations did."
            svg = pictures.lift(curves.lift[what], styles=styles, what=words)
            drawn.append(Drawn(f"Lift: {title.lower()}", said, Markup(svg)))
    svg = pictures.by_tenth(curves.active, large=evaluation.large, what="share that buys", share=True)
    drawn.append(
        Drawn("P(active) and who was active", "Tenths by P(active); bars are 95% intervals.", Markup(svg))
    )
    if curves.spend is not None and amounts:
        svg = pictures.by_tenth(curves.spend, large=evaluation.large, what="spend a customer")
        drawn.append(
            Drawn(
                "Expected and observed spend",
                "Tenths by expected spend; bars are 95% intervals.",
                Markup(svg),
            )
        )
    errors = {"purchases": "total_error"} | (
        {"spend": "spend_total_error"} if curves.spend is not None and amounts else {}
    )
    found = {
        what: {model: evaluation.figures[model][name] for model in _ordered(evaluation)}
        for what, name in errors.items()
    }
    if not curves.totals[""][0]:
        return Section("lift", "Lift and calibration", pictures=tuple(drawn), gaps=(NOBODY_BOUGHT,))
    svg = pictures.totals(found, styles=styles)
    drawn.append(
        Drawn(
            "Are the totals right?", "Right of 0 too much was expected; bars are 95% intervals.", Markup(svg)
        )
    )
    return Section(
        "lift",
        "Lift and calibration",
        pictures=tuple(drawn),
        tables=(_lift_table(curves, evaluation.large, amounts),),
    )


def _lift_table(curves: DemandCurves, large: str, amounts: bool) -> PageTable:
    """Return what part of everything the best customers hold: lift times depth."""
    told = {"active": "Of the active customers", "purchases": "Of the purchases", "spend": "Of the spend"}
    depths = (0.05, 0.1, 0.2, 0.3, 0.5)
    rows = [
        (words, *(f"{depth * curves.lift[what][large][DEPTHS.index(depth)]:.0%}" for depth in depths))
        for what, words in told.items()
        if curves.lift[what][large] and (what != "spend" or amounts)
    ]
    heads = ("What the first customers hold", *(f"First {depth:.0%}" for depth in depths))
    return PageTable(heads, tuple(rows), caption=f"Each in the order of its own expectation by {large}.")


# ---------------------------------------------------------------------------------- who comes next


def _segments(groups: Segments, came: Outlook | None, amounts: bool) -> Section:
    table = groups.table
    columns: dict[str, list[str]] = {
        "Group": [f"{i}: {rule}" for i, rule in zip(table["segment"], table["rule"], strict=True)],
        "Customers": [f"{n:,}" for n in table["customers"]],
        "Share": [f"{s:.1%}" for s in table["share"]],
        "Weeks since last": [f"{w:.1f}" for w in table["weeks_since_last"]],
        "Purchases so far": [f"{p:.1f}" for p in table["purchases"]],
    }
    if amounts:
        columns["Amount of one"] = [f"{v:,.2f}" for v in table["amount"]]
    columns["P(active)"] = [f"{p:.0%}" for p in table["p_active"]]
    if amounts:
        columns["Expected spend"] = [f"{v:,.2f}" for v in table["expected_spend"]]
    columns["Expected purchases"] = [f"{c:.2f}" for c in table["expected_count"]]
    if came is not None:
        size = np.bincount(groups.segment)[1:]
        columns["Purchases that came"] = [
            f"{c:.2f}" for c in np.bincount(groups.segment, came.count)[1:] / size
        ]
    return Section(
        "segments",
        "Groups of customers",
        "Groups by what is expected of them, told apart by rules about what they did. Figures are means.",
        pictures=_maps(table),
        tables=(PageTable(tuple(columns), tuple(zip(*columns.values(), strict=True))),),
    )


def _maps(table: Mapping[str, AnyArray]) -> tuple[Drawn, ...]:
    where = maps.segment_map(
        table["weeks_since_last"], table["purchases"], table["customers"], table["expected_count"]
    )
    shares = maps.segment_shares(table["customers"], table["expected_count"])
    said = (
        "Where groups stand by how recently and how often they bought; the numbers are those of the table. "
        "Circles that would hide each other are moved apart."
    )
    return (
        Drawn("Map of the groups", said, Markup(where)),
        Drawn(
            "What each group will buy", "Groups in order of what is expected of a customer.", Markup(shares)
        ),
    )


def _customers(
    rows: DemandRows,
    outlook: Outlook,
    known: Purchases,
    later: Purchases | None,
    customers: Sequence[object] | None,
    amounts: bool,
) -> Section:
    chosen = _chosen(rows.names, outlook.count, customers)
    lines = [_line(rows, outlook, known, later, place, amounts) for place in chosen]
    svg = maps.purchase_lines(lines, rows.window.cut, rows.window.end)
    came = " Diamonds are what came." if later is not None else ""
    high = "as high as its amount" if amounts else "a stem each"
    said = (
        f"A stem is a day with a purchase, {high}; shaded is the horizon, of which the numbers speak.{came}"
    )
    lead = (
        "From all over the range of expectations."
        if customers is None
        else "The customers that were asked for."
    )
    drawn = Drawn("What is expected next", said, Markup(svg), wide=True)
    return Section("customers", "Single customers", lead, pictures=(drawn,))


def _chosen(names: AnyArray, count: FloatArray, customers: Sequence[object] | None) -> list[int]:
    """Return the places of the customers to draw."""
    if customers is None:
        order = np.argsort(count, kind="stable")
        return list(dict.fromkeys(int(order[int(q * (len(order) - 1))]) for q in LINES))
    place = {name: i for i, name in enumerate(names.tolist())}
    unknown = [c for c in customers if c not in place]
    if unknown or not 0 < len(customers) <= MOST_LINES:
        raise InputError(
            f"{len(unknown)} of the {len(customers)} customers to draw had not bought before, such as "
            f"{unknown[:1]}; name 1 to {MOST_LINES} of the {len(names):,} who had."
        )
    return [place[c] for c in customers]


def _line(
    rows: DemandRows, outlook: Outlook, known: Purchases, later: Purchases | None, place: int, amounts: bool
) -> maps.PurchaseLine:
    name, window = rows.names[place], rows.window

    def of(log: Purchases, start: np.datetime64, end: np.datetime64) -> tuple[AnyArray, FloatArray]:
        own = (log.names[log.customer] == name) & (log.day >= start) & (log.day < end)
        return log.day[own], log.amount[own] if amounts else np.ones(int(own.sum()))

    came = (None, None) if later is None else of(later, window.cut, window.end)
    return maps.PurchaseLine(
        str(name),
        *of(known, known.day.min(), window.cut),
        count=float(outlook.count[place]),
        active=float(outlook.active[place]),
        spend=float(outlook.spend[place]) if amounts else float("nan"),
        later_day=came[0],
        later_amount=came[1],
    )
