"""Is the large model better than the others on the same rows, and is that more than chance?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.evidence.intervals import Estimate, PairedTest, mean_difference, placement_difference, placements
from bezant.metrics.classification import log_losses
from bezant.types import InputError


@dataclass(frozen=True)
class Comparison:
    """One paired test of the large model against another on the same rows.

    Parameters
    ----------
    model, against : str
        The large model's name and the other's.
    figure : str
        What is compared, such as ``"roc_auc"`` or ``"log_loss"``.
    difference : float
        The figure of ``model`` minus that of ``against``; for a loss, negative is better.
    low, high : float
        The interval of the difference (not widened for the number of models).
    p_value : float
        Two-sided, of this test alone.
    test : str
        The name of the test, such as ``"DeLong, paired"``.
    adjusted_p_value : float, default p_value
        The same after Holm's correction for the number of models compared.
    """

    model: str
    against: str
    figure: str
    difference: float
    low: float
    high: float
    p_value: float
    test: str
    adjusted_p_value: float | None = None

    def __post_init__(self) -> None:
        if self.adjusted_p_value is None:
            object.__setattr__(self, "adjusted_p_value", self.p_value)
        for name in ("p_value", "adjusted_p_value"):
            value = getattr(self, name)
            if not (math.isnan(value) or 0 <= value <= 1):
                raise InputError(f"A {name} lies between 0 and 1, not at {value}; give a probability.")
        if self.model == self.against:
            raise InputError(f"{self.model!r} cannot be compared with itself; name two models.")


def compare_models(
    y: npt.ArrayLike, scores: Mapping[str, npt.ArrayLike], *, large: str, level: float = 0.95
) -> tuple[Comparison, ...]:
    """Test the large model against each other one on the same rows: AUC, log loss and Brier score.

    AUC by DeLong's paired test, the two losses by the paired t-test; p-values are adjusted for the number
    of other models by Holm's procedure, figure by figure.

    Parameters
    ----------
    y : array-like of shape (n,)
        0 or 1.
    scores : mapping of str to array-like of shape (n,)
        Every model's probabilities.
    large : str
        A key of ``scores``.
    level : float, default 0.95
        Coverage of each difference's interval.

    References
    ----------
    DeLong et al. (1988), Biometrics 44; Diebold and Mariano (1995), JBES 13, for equal predictive accuracy
    by the mean loss difference; Holm (1979), Scandinavian Journal of Statistics 6.
    """
    others = [model for model in scores if model != large]
    placed = {m: placements(y, p) for m, p in scores.items()}
    losses = {m: log_losses(y, p) for m, p in scores.items()}
    squares = {m: (np.asarray(p, np.float64) - np.asarray(y, np.float64)) ** 2 for m, p in scores.items()}
    tests: dict[str, Callable[[str], PairedTest]] = {
        "roc_auc": lambda other: placement_difference(placed[large], placed[other], level=level),
        "log_loss": lambda other: mean_difference(losses[large], losses[other], level=level),
        "brier": lambda other: mean_difference(squares[large], squares[other], level=level),
    }
    found: list[Comparison] = []
    for figure, test in tests.items():
        results = [test(other) for other in others]
        adjusted = holm([result.p_value for result in results])
        for other, result, p_value in zip(others, results, adjusted, strict=True):
            gap = result.difference
            found.append(
                Comparison(
                    large, other, figure, gap.value, gap.low, gap.high, result.p_value, result.test, p_value
                )
            )
    return tuple(found)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, in the given order; NaN stays NaN and does not count.

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    adjusted, so_far = [math.nan] * len(p_values), 0.0
    for rank, (p, i) in enumerate(known):
        so_far = max(so_far, min(1.0, p * (len(known) - rank)))
        adjusted[i] = so_far
    return adjusted


# ----------------------------------------------------------------------------------------- verdict


def verdict_sentence(
    figures: Mapping[str, Mapping[str, Estimate]],
    comparisons: Sequence[Comparison],
    *,
    large: str,
    level: float = 0.95,
) -> str:
    """Say in one sentence whether the large model ranks better and whether its probabilities are closer.

    Each half is about the other model that is best by that figure, so that nothing is won against a weak
    one. A difference counts when its adjusted p-value is below ``1 - level``.

    Parameters
    ----------
    figures : mapping of model to mapping of figure to Estimate
        With ``roc_auc`` and ``log_loss``.
    comparisons : sequence of Comparison
        From :func:`compare_models`.
    large : str
    level : float, default 0.95
    """
    others = [model for model in figures if model != large]
    ours = figures[large]
    if not others:
        return (
            f"No other model was judged on these rows, so nothing is said about who is better "
            f"(AUC {ours['roc_auc'].value:.3f}, log loss {ours['log_loss'].value:.3f})."
        )
    if math.isnan(ours["roc_auc"].value):
        return "All rows are of one class, so no model can be said to rank better than another."
    rank_rival = max(others, key=lambda model: figures[model]["roc_auc"].value)
    loss_rival = min(others, key=lambda model: figures[model]["log_loss"].value)
    by_key = {(c.against, c.figure): c for c in comparisons}
    rank, loss = by_key[rank_rival, "roc_auc"], by_key[loss_rival, "log_loss"]
    ranking, closeness = _outcome(rank, 1, level), _outcome(loss, -1, level)
    close, than = _CLOSENESS[closeness]
    named = rank_rival if len(others) == 1 else f"{rank_rival}, the best of the {len(others)} others"
    return (
        f"The large model {_RANKING[ranking]} {named} (AUC {ours['roc_auc'].value:.3f} against "
        f"{figures[rank_rival]['roc_auc'].value:.3f}, {_difference(rank, level)}) "
        f"{'and' if ranking == closeness else 'but'} its probabilities {close}"
        f"{'' if loss_rival == rank_rival else f' {than} those of {loss_rival}'} "
        f"(log loss {ours['log_loss'].value:.3f} against {figures[loss_rival]['log_loss'].value:.3f}, "
        f"{_difference(loss, level)})."
    )


_RANKING = {
    1: "ranks better than",
    0: "ranks, within chance, as well as",
    -1: "ranks worse than",
}
_CLOSENESS = {
    1: ("are closer", "than"),
    0: ("are, within chance, as close", "as"),
    -1: ("are further off", "than"),
}


def _outcome(comparison: Comparison, better: int, level: float) -> int:
    """Return 1 for a win, -1 for a loss, 0 for neither."""
    p_value = comparison.adjusted_p_value
    if p_value is None or not p_value < 1 - level:
        return 0
    return better if comparison.difference > 0 else -better


def _difference(comparison: Comparison, level: float) -> str:
    low, high = _signed(comparison.low), _signed(comparison.high)
    return f"difference {_signed(comparison.difference)}, {100 * level:g} % interval {low} to {high}"


def _signed(value: float) -> str:
    text = f"{value:.3f}"
    return "0.000" if text == "-0.000" else text
