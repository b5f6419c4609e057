"""Is the large model better than the others on the same rows, and is that more than chance?"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
