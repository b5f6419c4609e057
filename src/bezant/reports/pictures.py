"""The pictures of the validation report, each with its title and what it says."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from markupsafe import Markup

from bezant.evidence.evaluation import Evaluation
from bezant.metrics import curves
from bezant.reports import figures
from bezant.reports.canvas import LineStyle, line_styles
from bezant.reports.content import LearningCurve, ReportContent
from bezant.reports.tables import goodness, left_off, model_order, number, percent
from bezant.types import FloatArray

HEADLINE = "roc_auc"
"""The figure that opens the report."""

MOST_IMPORTANT = 15
"""Columns that the picture of importance shows."""

NO_SCORES = "The scores of the test rows were not kept, so the pictures drawn from them are left out."
ONE_OUTCOME = "The test rows hold one outcome only, so there is nothing to rank or to calibrate."
NO_PERIODS = "The test rows have no times, so nothing is shown by period."


@dataclass(frozen=True)
class Drawn:
    """A picture with its title, what it says, and whether it needs the whole width of the page."""

    title: str
    caption: str
    svg: Markup
    wide: bool = False


def opening_pictures(evaluation: Evaluation) -> tuple[list[Drawn], list[str]]:
    """Return the pictures the report opens on, and a sentence for each that cannot be drawn."""
    drawn, gaps = [], []
    if _both_outcomes(evaluation):
        drawn += [_roc(evaluation), _reliability(evaluation)]
    else:
        gaps.append(
            NO_SCORES if not len(evaluation.y) else "The test rows hold one outcome only, so nothing ranks."
        )
    if evaluation.by_period.num_rows:
        drawn.append(_by_period(evaluation))
    else:
        gaps.append(NO_PERIODS)
    drawn.append(_headline(evaluation))
    return drawn, gaps


def _both_outcomes(evaluation: Evaluation) -> bool:
    return bool(evaluation.scores) and 0 < evaluation.events < evaluation.rows


def _styles(evaluation: Evaluation) -> dict[str, LineStyle]:
    """Return each model's style: the same in every picture."""
    return line_styles(model_order(evaluation), evaluation.large)


def _roc(evaluation: Evaluation) -> Drawn:
    scored = [model for model in model_order(evaluation) if model in evaluation.scores]
    found = {model: curves.roc_curve(evaluation.y, evaluation.scores[model]) for model in scored}
    areas = {model: evaluation.figures[model]["roc_auc"].value for model in scored}
    caption = "Share of defaults caught for each share of good loans refused, from the highest score down."
    svg = figures.roc(found, areas, styles=_styles(evaluation))
    return Drawn("Ranking: ROC curve", caption, Markup(svg))


def _reliability(evaluation: Evaluation) -> Drawn:
    large, peer = evaluation.large, _best_peer(evaluation, "log_loss")
    y, p = evaluation.y, evaluation.scores[large]
    beside = (
        (peer, curves.reliability_curve(y, evaluation.scores[peer])) if peer in evaluation.scores else None
    )
    svg = figures.reliability(
        curves.reliability_curve(y, p, level=evaluation.level),
        curves.score_histogram(y, p),
        styles=_styles(evaluation),
        peer=beside,
    )
    slope = evaluation.figures[large].get("calibration_slope")
    said = f" Slope {number(slope.value, 'calibration_slope')} (ideal: 1)." if slope else ""
    caption = f"Bins of equal size; bars are {percent(evaluation.level, 0)} intervals.{said}"
    return Drawn("Calibration: predicted against observed", caption, Markup(svg))


def _best_peer(evaluation: Evaluation, figure: str) -> str:
    """Return the best model beside the large one, or an empty name where there is none."""
    peers = [m for m, found in evaluation.figures.items() if m != evaluation.large and figure in found]
    return max(peers, key=lambda m: goodness(evaluation.figures[m][figure].value, figure), default="")


def _by_period(evaluation: Evaluation) -> Drawn:
    table = evaluation.by_period
    table = table.filter(pc.equal(table["group_by"], table["group_by"][0]))
    labels = list(dict.fromkeys(table["group"].to_pylist()))

    def series(model: str, figure: str, part: str) -> FloatArray:
        rows = table.filter(pc.and_(pc.equal(table["model"], model), pc.equal(table["figure"], figure)))
        found = dict(zip(rows["group"].to_pylist(), rows[part].to_pylist(), strict=True))
        return np.array([math.nan if found.get(g) is None else found[g] for g in labels], dtype=np.float64)

    large = evaluation.large
    observed, low, high = (series(large, "event_rate", part) for part in ("value", "low", "high"))
    predicted = {model: series(model, "mean_score", "value") for model in model_order(evaluation)}
    svg = figures.default_rate_by_period(labels, observed, low, high, predicted, styles=_styles(evaluation))
    caption = f"Over all test rows {percent(evaluation.events / max(1, evaluation.rows))} defaulted"
    own = predicted[large]
    beyond = np.nan_to_num(np.fmax(low - own, own - high), nan=-np.inf)
    worst = int(beyond.argmax())
    said = f"{large} stays within the interval of every period"
    if beyond[worst] > 0:
        said = (
            f"{large} is farthest off in {labels[worst]}, with {percent(float(own[worst]))} where "
            f"{percent(float(observed[worst]))} defaulted"
        )
    return Drawn("Default rate by period of approval", f"{caption}; {said}.", Markup(svg))


def _headline(evaluation: Evaluation) -> Drawn:
    found = {m: by[HEADLINE] for m, by in evaluation.figures.items() if HEADLINE in by}
    ordered = sorted(found, key=lambda model: -goodness(found[model].value, HEADLINE))
    estimates = {model: (found[model].value, found[model].low, found[model].high) for model in ordered}
    svg = figures.headline(estimates, styles=_styles(evaluation), label="AUC")
    best = _best_peer(evaluation, HEADLINE)
    caption = f"With {percent(evaluation.level, 0)} intervals, on the same rows."
    if best:
        gap = found[evaluation.large].value - found[best].value
        word = "above" if gap >= 0 else "below"
        caption += (
            f" {evaluation.large} stands {number(abs(gap), HEADLINE)} {word} the best other model, {best}."
        )
    return Drawn("AUC of every model", caption, Markup(svg))


def score_pictures(evaluation: Evaluation) -> list[Drawn]:
    """Return the pictures of the large model's scores: none where they were not kept or nothing ranks."""
    if not _both_outcomes(evaluation):
        return []
    large, p = evaluation.large, evaluation.scores[evaluation.large]
    ks = curves.ks_curve(evaluation.y, p)
    spread = figures.score_distribution(curves.score_histogram(evaluation.y, p), large=large)
    said = f"At a probability of {percent(ks.at)} the outcomes of {large} are furthest apart."
    return [
        Drawn("KS curve", said, Markup(figures.ks(ks, large=large))),
        Drawn("Scores by outcome", "Each outcome's scores as shares of its own total.", Markup(spread)),
    ]


def training_pictures(content: ReportContent) -> tuple[list[Drawn], list[str]]:
    """Return the pictures of inputs and learning, and a sentence for each that cannot be drawn."""
    drawn, gaps = [], []
    if content.importance is not None and content.importance.num_rows:
        table = content.importance.sort_by([("importance", "descending"), ("column", "ascending")])
        shown = table.slice(0, MOST_IMPORTANT)
        values, low, high = (shown[part].to_numpy().astype(float) for part in ("importance", "low", "high"))
        svg = figures.importance(shown["column"].to_pylist(), values, low, high)
        more = left_off(table.num_rows, MOST_IMPORTANT, "columns")
        caption = f"Loss in AUC of {content.evaluation.large} when a column is shuffled. {more}".strip()
        drawn.append(Drawn("Permutation importance", caption, Markup(svg)))
    else:
        gaps.append("The importance of the columns was not measured.")
    curve = content.learning
    if curve is not None and len(curve.epoch):
        svg = figures.learning(
            curve.epoch, curve.train_loss, curve.validation_loss, curve.validation_auc, curve.best_epoch
        )
        drawn.append(Drawn("Learning curves", _learning_caption(curve), Markup(svg)))
    else:
        gaps.append("No learning curve was recorded.")
    return drawn, gaps


def _learning_caption(curve: LearningCurve) -> str:
    losses = (
        "Training: mean log loss of the steps, dropout on. Held-out: log loss after recalibration (best "
        "shift and slope)."
    )
    best, ran = curve.best_epoch, len(curve.epoch)
    if curve.refit_rows is None:
        return f"Epoch {best} of {ran} was best on the held-out rows and was kept. {losses}"
    return (
        f"Epoch {best} of {ran} was best on the held-out rows; the delivered model was then trained again "
        f"for {best} {'epoch' if best == 1 else 'epochs'} on all {curve.refit_rows:,} rows. {losses}"
    )
