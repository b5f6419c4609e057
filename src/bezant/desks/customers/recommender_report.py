"""The page of a recommender: how well it ranks, what it recommends, and what led to it for some customers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from markupsafe import Markup

from bezant.desks.customers.events import CustomerEvents
from bezant.desks.customers.recommended import Asked, Reason, because_of
from bezant.desks.customers.recommending import attribute_of
from bezant.evidence.rankings import RankedFigure, RankingEvaluation
from bezant.reports import products as pictures
from bezant.reports.canvas import line_styles
from bezant.reports.page import Page, PageTable, Section, now, write_page
from bezant.reports.pictures import Drawn
from bezant.schema.words import counted as plural
from bezant.types import BoolArray, FloatArray, InputError, IntArray

MOST_COUNTED = 2_000
"""Customers, drawn at random, whose lists are counted."""

MOST_NAMED = 12
"""Products that are shown by name."""

MOST_DRAWN = 12
"""Customers whose records are drawn."""

USUAL_DRAWN = 4
"""Customers that are drawn if none are named."""

MOST_LISTED, REASONS, LATEST = 5, 2, 30
"""Products that a drawn customer is shown with; records that led to each, of so many of the latest."""

GLOSSARY = {
    "Held out": "The last product that each customer took, where it was a new one; of sets, one drawn at "
    "random. The models that are judged learned without it.",
    "Hit rate@k": "Share of the customers in whose list of k products the held-out one stands.",
    "NDCG@k": "As the hit rate, but a hit counts less the further down it stands: 1 at the top, 0.5 at place "
    "3, 0.29 at place 10.",
    "Mean reciprocal rank": "Mean of 1 over the place at which the held-out product stands.",
    "Coverage": "Share of all products that stand in somebody's list of k; low where all get the same list.",
    "Lift": "Hit rate over that of a list drawn at random.",
    "Speaks for": "Without the record, a product's lead over the mean product would shrink; found by leaving "
    "each of the 30 latest records out in turn.",
    "Probability": "Of being taken next, among the products that may be recommended.",
}
"""What the page's words mean."""


@dataclass(frozen=True, eq=False)
class Lists:
    """Customers and the products recommended to each.

    Attributes
    ----------
    asked : Asked
        n customers.
    lists : int array of shape (n, k)
        Products, best first; -1 where there are fewer.
    scores : float array of shape (n, p)
        Of all products.
    """

    asked: Asked
    lists: IntArray
    scores: FloatArray


@dataclass(frozen=True)
class Look:
    """What of a page may be chosen.

    Attributes
    ----------
    customers : sequence or None
        Whose records are drawn; a few with few to many records if None.
    called : str or None
        Attribute by which products are called; their own names if None.
    created : str or None
        Moment to print, ISO form; now if None.
    title : str
        Heading.
    """

    customers: Sequence[Any] | None
    called: str | None
    created: str | None
    title: str

    def __post_init__(self) -> None:
        if self.customers is not None and not 0 < len(self.customers) <= MOST_DRAWN:
            raise InputError(f"{len(self.customers)} customers are to be drawn; name 1 to {MOST_DRAWN}.")


def write_recommender_page(
    path: str | Path,
    model: Any,
    lists: Callable[[Any], Lists],
    scores: Callable[[CustomerEvents], FloatArray],
    look: Look,
    *,
    seed: int,
) -> Path:
    """Write the page of a fitted recommender.

    Parameters
    ----------
    path : path
    model : ProductRecommender
        Fitted.
    lists : callable
        From names of customers to what is recommended to them.
    scores : callable
        From customers to scores of all products, shape (n, p).
    look : Look
    seed : int
        Draws the customers whose lists are counted, where there are very many.
    """
    names = _names(model.products_, model.attributes_, look.called)
    own, judged = model.data_.events, model.evaluation_
    facts = {
        "Customers": f"{len(model.customers_):,}",
        "Products": f"{len(names):,}",
        "Events": f"{len(own.product):,}",
    }
    places = _some_to_draw(np.diff(own.offsets))
    drawn = lists(model.customers_.take(pa.array(places)) if look.customers is None else look.customers)
    single = _single(replace(drawn, lists=drawn.lists[:, :MOST_LISTED]), scores, names, model.in_time_)
    counted = lists(model.customers_.take(pa.array(_some_to_count(len(model.customers_), seed))))
    page = Page(
        title=look.title,
        created=look.created or now(),
        verdict=NOT_JUDGED if judged is None else judged.verdict,
        facts=facts | ({} if judged is None else {"Judged on": f"{judged.rows:,} customers"}),
        opening=() if judged is None else _opening(judged),
        sections=(*(() if judged is None else (_comparison(judged),)), _most(counted, names), single),
        notes=model.notes_,
        glossary=GLOSSARY,
    )
    return write_page(page, path)


def _some_to_count(number: int, seed: int) -> IntArray:
    """Return the places of the customers whose lists are counted, rising."""
    if number <= MOST_COUNTED:
        return np.arange(number)
    return np.sort(np.random.default_rng(seed).choice(number, MOST_COUNTED, replace=False))


def _some_to_draw(events: IntArray) -> IntArray:
    """Return the places of customers from few to many events, whose numbers (n,) are given."""
    order = np.argsort(events, kind="stable")
    order = order[events[order] > 0]
    wanted = np.linspace(0.05, 0.75, USUAL_DRAWN) * (len(order) - 1)
    return np.unique(order[wanted.astype(np.int64)])


NOT_JUDGED = "The model was not judged on products held out: its lists are shown, not how good they are."


# ------------------------------------------------------------------------------------------- held out


def _ordered(evaluation: RankingEvaluation) -> list[str]:
    others = [m for m in evaluation.figures if m != evaluation.large]
    key = next(iter(evaluation.labels))
    others.sort(key=lambda model: (-evaluation.figures[model][key].value, model))
    return [evaluation.large, *others]


def _opening(evaluation: RankingEvaluation) -> tuple[Drawn, ...]:
    if not evaluation.curves:
        return ()
    styles = line_styles(_ordered(evaluation), evaluation.large)
    curves = {model: evaluation.curves[model] for model in _ordered(evaluation)}
    hits = pictures.hits_by_length(curves, styles=styles, large=evaluation.large)
    coverage = pictures.coverage_by_length(curves, styles=styles)
    found = "Customers in whose list the product held out stands; the band is a 95% interval."
    spread = "Products that stand in the list of any customer judged: how much of the range is shown at all."
    return Drawn("Hit rate by length of the list", found, Markup(hits)), Drawn(
        "Coverage", spread, Markup(coverage)
    )


def _comparison(evaluation: RankingEvaluation) -> Section:
    def cell(figure: RankedFigure) -> str:
        return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"

    models = _ordered(evaluation)
    rows = tuple((m, *(cell(evaluation.figures[m][name]) for name in evaluation.labels)) for m in models)
    tables = [
        PageTable(
            ("Model", *evaluation.labels.values()),
            rows,
            large=evaluation.large,
            caption="In brackets: 95% intervals.",
        )
    ]
    gaps = []
    if evaluation.curves:
        tables.append(_lift(evaluation, models))
    else:
        gaps.append("The model was saved before figures by length of the list were kept; fit it again.")
    lead = f"All models ranked every product for the same {evaluation.rows:,} customers."
    return Section("comparison", "Beside the other models", lead, tables=tuple(tables), gaps=tuple(gaps))


def _lift(evaluation: RankingEvaluation, models: Sequence[str]) -> PageTable:
    """Return hit rates over those of a list drawn at random."""
    lengths = evaluation.curves[evaluation.large].length
    shown = [i for i, k in enumerate(lengths) if k in (1, 3, 5, 10, 20, 50)]
    rows = []
    for model in models:
        own = evaluation.curves[model]
        rows.append((model, *(f"{own.hit_rate[i] / max(own.by_chance[i], 1e-12):.1f}×" for i in shown)))
    heads = ("Lift: hit rate over chance", *(f"List of {lengths[i]}" for i in shown))
    return PageTable(heads, tuple(rows), large=evaluation.large)


# ------------------------------------------------------------------------------------ recommendations


def _most(counted: Lists, names: Sequence[str]) -> Section:
    customers, k = counted.lists.shape
    places = np.bincount(counted.lists[counted.lists >= 0], minlength=len(names))
    events = counted.asked.data.events
    owned = events.owned().mean(axis=0) if customers else np.zeros(len(names))
    shown = int((places > 0).sum())
    lead = (
        f"The {k} best of what each of {plural(customers, 'customer')} has not taken; {shown:,} of "
        f"{len(names):,} products stand in a list."
    )
    if not shown:
        return Section("most", "What is recommended", lead, gaps=("Nothing may be recommended.",))
    order = np.argsort(-places, kind="stable")[: min(MOST_NAMED, shown)]
    by_taken = np.empty(len(names), np.int64)
    by_taken[np.argsort(-owned, kind="stable")] = np.arange(1, len(names) + 1)
    most = pictures.recommended_and_taken(
        [names[i] for i in order], places[order] / customers, owned[order], by_taken[order]
    )
    reach = pictures.reach(np.bincount(events.product, minlength=len(names)), places)
    said = "Shares of the customers; place: where the product stands by how many took it."
    far = "A line far above the other: lists repeat what most have. Below it: they show what few know."
    return Section(
        "most",
        "What is recommended",
        lead,
        pictures=(
            Drawn("Most recommended, and how many had them", said, Markup(most)),
            Drawn("How far into the range the lists reach", far, Markup(reach)),
        ),
    )


def _single(
    drawn: Lists, scores: Callable[[CustomerEvents], FloatArray], names: Sequence[str], in_time: bool
) -> Section:
    row, place = np.nonzero(drawn.lists >= 0)
    product = drawn.lists[row, place]
    reasons = because_of(scores, drawn.asked.data, row, product, LATEST, REASONS)
    found: list[Drawn] = []
    for i, customer in enumerate(drawn.asked.names.to_pylist()):
        own = [(int(p), why) for p, why, r in zip(product, reasons, row, strict=True) if r == i]
        said = _expected(drawn, i, str(customer), own, names, in_time)
        basis = str(drawn.asked.basis[i])
        ground = "" if basis == "events" else f"Known by {basis} alone."
        caption = f"{'' if found else HOW_TO_READ} {ground}".strip()
        svg = Markup(pictures.expected_next(said))
        found.append(Drawn(f"Customer {customer}", caption, svg, wide=True))
    return Section("customers", "Single customers", pictures=tuple(found))


HOW_TO_READ = (
    "Left, the latest records; right, what the model expects next. A line leads from a record that speaks "
    "for a product, the wider the more."
)


def _expected(
    drawn: Lists,
    row: int,
    customer: str,
    products: Sequence[tuple[int, Sequence[Reason]]],
    names: Sequence[str],
    in_time: bool,
) -> pictures.Expected:
    own = drawn.asked.data.events
    events = slice(int(own.offsets[row]), int(own.offsets[row + 1]))
    taken, days = own.product[events], own.day[events]
    places = {(int(p), float(d)): i for i, (p, d) in enumerate(zip(taken, days, strict=True))}
    chance = _probabilities(drawn.scores[row], np.isin(np.arange(len(names)), taken))
    return pictures.Expected(
        customer,
        tuple(names[p] for p in taken),
        tuple(float(d) for d in days) if in_time else (),
        tuple(names[p] for p, _ in products),
        tuple(float(chance[p]) for p, _ in products),
        tuple((i, places[r, day], e) for i, (_, why) in enumerate(products) for r, day, e in why),
    )


def _probabilities(scores: FloatArray, owned: BoolArray) -> FloatArray:
    """Return the softmax of scores (p,) over the products that are not owned."""
    open_ = np.where(owned, -np.inf, scores)
    if not np.isfinite(open_).any():
        return np.zeros(len(scores))
    weight = np.exp(open_ - open_.max())
    return np.asarray(weight / weight.sum(), np.float64)


def _names(products: pa.Array, attributes: pa.Table | None, called: str | None) -> list[str]:
    """Return what the products are called: by an attribute of theirs, or by their own names.

    Raises
    ------
    InputError
        If there is no such attribute.
    """
    own = [str(p) for p in products.to_pylist()]
    if called is None:
        return own
    return [
        name if said is None else str(said)
        for name, said in zip(own, attribute_of(called, attributes).to_pylist(), strict=True)
    ]
