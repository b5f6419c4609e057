"""How far a ranking of losses will hold in the time to come, asked of the time that has passed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bezant.desks.estimators.intake import Intake
from bezant.network.calibration import Calibrator
from bezant.network.mean_calibration import slope_ahead
from bezant.training.plan import TablePlan
from bezant.training.progress import ProgressChoice, shown
from bezant.training.table import fit_table
from bezant.types import FloatArray, InputError

LEAST_ROWS = 5000
"""Rows with times below which nothing is asked: slopes of sixths of a half of fewer are mostly chance, and
the line through the held-out rows is then the best that is known."""

STOPPING = 0.15
"""Share of the earlier half, its latest rows, that stops the training there."""


@dataclass(frozen=True)
class Ahead:
    """What the past says of a ranking's future.

    Attributes
    ----------
    most_slope : float or None
        Largest slope that a mean may be calibrated with; None where rows have no time or are too few.
    caution : float
        The confidence.
    """

    most_slope: float | None = None
    caution: float = 0.5

    def said_of(self, calibrator: Calibrator) -> tuple[str, ...]:
        """Say how far the predictions were shrunk towards their mean, if they were."""
        if calibrator.method != "linear" or calibrator.values[1] >= 1:
            return ()
        slope = float(calibrator.values[1])
        if self.most_slope is None or slope < self.most_slope:
            return (
                "On the held-out rows the predictions differed too much: they are shrunk towards their "
                f"mean, by the slope {slope:.2f}.",
            )
        why = (
            "A network of the earlier half of the rows ranked the losses of the later half, among which are "
            f"those it is judged by, less and less reliably: only a slope of {slope:.2f} is sure to go on, "
            f"with a confidence of {self.caution:g}"
        )
        if slope == 0:
            return (f"{why}. So all rows get the mean loss of the latest ones; quantiles still differ.",)
        return (f"{why}. Therefore predictions are shrunk towards the mean loss of the latest rows.",)


def checked_caution(given: object) -> float:
    """Return a confidence between 0 and 1, or say in one sentence that it is none."""
    if isinstance(given, bool) or not isinstance(given, float) or not 0 < given < 1:
        raise InputError(f"caution is a confidence between 0 and 1, not {given!r}; 0.95 is usual.")
    return given


def look_ahead(
    intake: Intake, lost: FloatArray, plan: TablePlan, caution: float, progress: ProgressChoice
) -> Ahead:
    """Fit a network to the earlier half of the rows and see how its ranking fades on the later half.

    Nothing is learned where rows have no time: they are then held out at random and taken to be alike.
    """
    if intake.times is None or len(lost) < LEAST_ROWS:
        return Ahead(caution=caution)
    order = np.argsort(intake.times, kind="stable")
    early, late = order[: len(order) // 2], order[len(order) // 2 :]
    held_out = np.arange(int(len(early) * (1 - STOPPING)), len(early))
    fitted = fit_table(
        intake.table.take(early),
        intake.schema,
        lost[early],
        held_out,
        plan.model_copy(update={"refit": False}),
        shown=lambda _: shown("Looking back, to see ahead", progress),
    )
    predicted = fitted.model.raw_scores(intake.table.take(late))
    return Ahead(slope_ahead(predicted, lost[late], intake.times[late], caution), caution)
