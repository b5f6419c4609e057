"""How a table is fitted, and what of that depends on the number of its rows."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bezant.network.adaptation import Adapt, can_be_lora
from bezant.network.model import NetworkConfig
from bezant.network.pretrained import PretrainedRecords
from bezant.training.config import TrainingConfig
from bezant.training.teaching import Teacher, progress
from bezant.types import FloatArray

STATISTICS_FROM = 10
"""Categories of at least this many known values get target statistics, in a large table."""

FROZEN_ROWS, LORA_ROWS = 2_000, 20_000
"""Of a pretrained summary nothing is trained further with fewer labelled rows than the first, and a step of
low rank with fewer than the second."""

ROWS_A_COMPONENT = 100
"""Of a frozen summary one component is read for so many rows of the rarer outcome. All 139 numbers
of a small one drown what is in them: a regression with few labels was worse with them than without."""

SMALL_ROWS = 20_000
"""Tables of fewer rows get a smaller trunk in several groups: they cannot feed a large one."""

TAUGHT, TAUGHT_FROM = 0.8, 1_500
"""A teacher's share of the targets in the first epoch, and fewest rows from which it knows enough to teach
(docs/log.md)."""

SMALL = {"width": 96, "depth": 1, "groups": 4, "bins": 16, "spacing": "tails", "additive": True}
"""What a small table's network is made of, unless it is said otherwise. Groups are those of a TabM trunk, and
an additive member answers with the probability of an event."""

SMALL_SIZES = ("tiny", "small")
"""Whoever asks for a larger size gets it, however few the rows."""

EMBEDDED_UP_TO = 64
"""Categories of at most this many known values get vectors of their own. With more of them, vector and
statistic together would let the network work out a row's own target."""


def readable(outcomes: FloatArray, most: int) -> int:
    """Return how many components of a summary outcomes (n,), 0 and 1, are enough to learn from."""
    rarer = min(outcomes.sum(), len(outcomes) - outcomes.sum())
    return int(np.clip(rarer // ROWS_A_COMPONENT, 1, most))


class TablePlan(BaseModel):
    """How a table is fitted.

    Parameters
    ----------
    network : NetworkConfig
        Size, trunk and head; its ``fields`` may ask for periodic numbers, other smoothings, more pairs,
        hidden codes (what depends on the rows is filled in).
    training : TrainingConfig
        Optimizer, epochs and the rest.
    statistics_from : int, optional
        Fewest known values of a category that gets target statistics. If not given: 10, but in tables of
        under 20,000 rows 65, for there the statistics of a few values say less than they disturb.
    least_rows_a_value : int, optional
        A value of a category that fewer training rows have counts as unknown. If not given: 0.05 %
        of the rows, but at least 2 and at most 20.
    refit : bool, default True
        Train again on all rows, the held-out ones too, once the number of epochs is known.
    pretrained : PretrainedRecords, optional
        What reads the rows' records was learned without labels; not a part of the plan's document.
    adapt : {"frozen", "lora", "full"}, optional
        What of it is trained further; if not given it depends on the number of rows.
    teacher : Teacher, optional
        What softens the outcomes of training rows; not a part of the plan's document.
    taught : float in [0, 1), optional
        Its share of a target in the first epoch, which falls to nothing in the last. If not given: 0.8, but
        nothing with fewer than 1,500 rows.
    small : bool, optional
        Whether the table counts as a small one; if not given it depends on the number of rows. What depends
        on it is the same in a fit to a part of the rows, which chooses the epoch for the fit to all.
    components : int, optional
        So many components of a frozen summary are read; if not given it depends on the outcomes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    network: NetworkConfig = NetworkConfig()
    training: TrainingConfig = TrainingConfig()
    statistics_from: int | None = Field(default=None, ge=1)
    least_rows_a_value: int | None = Field(default=None, ge=1)
    refit: bool = True
    pretrained: PretrainedRecords | None = Field(default=None, exclude=True)
    adapt: Adapt | None = None
    teacher: Teacher | None = Field(default=None, exclude=True)
    taught: float | None = Field(default=None, ge=0, lt=1)
    small: bool | None = None
    components: int | None = None

    def adaptation(self, rows: int) -> Adapt:
        """Return what of a pretrained summary is trained further with so many labelled rows."""
        if self.adapt is not None:
            return self.adapt
        few: Adapt = "lora" if self.pretrained is None or can_be_lora(self.pretrained.summary) else "full"
        return "frozen" if rows < FROZEN_ROWS else few if rows < LORA_ROWS else "full"

    def kept(self, outcomes: FloatArray) -> int | None:
        """Return how many components of a frozen summary are read; None for all of its numbers.

        Parameters
        ----------
        outcomes : float64 array, shape (n,)
            0 and 1.
        """
        if self.components is not None:
            return self.components
        if self.pretrained is None or not self.pretrained.summary.encoder.config.components:
            return None
        return readable(outcomes, self.pretrained.summary.encoder.config.components)

    def adaptation_note(self, outcomes: FloatArray) -> tuple[str, ...]:
        """Say what of a pretrained summary was trained further, for outcomes 0 and 1 (n,)."""
        if self.pretrained is None:
            return ()
        how, kept = self.adaptation(len(outcomes)), self.kept(outcomes)
        what = {
            "frozen": "was not trained further (adapt='frozen')",
            "lora": "was trained further in a few directions (adapt='lora')",
            "full": "was trained further as a whole (adapt='full')",
        }[how]
        why = "" if self.adapt is not None else f", as with {len(outcomes):,} labelled rows by default"
        if how == "frozen" and kept is not None:
            why += (
                f"; of its {self.pretrained.summary.width} numbers {kept} "
                f"component{'s are' if kept > 1 else ' is'} read, one for every {ROWS_A_COMPONENT} rows of "
                "the rarer outcome, at least one"
            )
        return (f"The pretrained summary of the records {what}{why}.",)

    def small_note(self, rows: int) -> tuple[str, ...]:
        """Say so if a small table gets another network than its size says."""
        network = self.resolved(rows).network
        if (network.width, network.depth) == (self.network.width, self.network.depth):
            return ()
        return (
            f"With {rows} rows, fewer than {SMALL_ROWS}, the network is a small one: {network.depth} block "
            f"of width {network.width} in each of {network.groups} groups, with {network.bins} bins a "
            "number.",
        )

    def taught_note(self, best_epoch: int) -> tuple[str, ...]:
        """Say so if a teacher softened the outcomes, and how much of it was left; of a resolved plan."""
        if self.teacher is None or not self.taught:
            return ()
        assert self.training.max_epochs is not None  # resolved
        left = self.taught * (1 - progress(max(best_epoch - 1, 0), self.training.max_epochs))
        return (
            f"Of the targets that training began with, {self.taught:.0%} was what {self.teacher.name}, "
            f"fitted to other rows, says of a row; in the epoch that was kept {left:.0%} was. "
            "network={'taught': 0} leaves it out.",
        )

    def with_components(self, outcomes: FloatArray) -> TablePlan:
        """Return the plan with the components of a summary that all outcomes (n,), 0 and 1, allow.

        Fits to a part of the rows then read as many as the fit to all of them.
        """
        return self.model_copy(update={"components": self.kept(outcomes)})

    def resolved(self, rows: int) -> TablePlan:
        """Return the plan with all that depends on the number of rows filled in."""
        network, statistics = self.network, STATISTICS_FROM
        small = rows < SMALL_ROWS if self.small is None else self.small
        if small and network.size in SMALL_SIZES:
            given = network.model_fields_set
            fits = {"groups": network.trunk == "tabm", "additive": network.head == "binary"}
            wished = {k: v for k, v in SMALL.items() if k not in given and fits.get(k, True)}
            network, statistics = network.model_copy(update=wished), EMBEDDED_UP_TO + 1
        return self.model_copy(
            update={
                "network": network,
                "taught": self._taught(rows),
                "adapt": None if self.pretrained is None else self.adaptation(rows),
                "small": small,
                "training": self.training.resolved(rows),
                "statistics_from": self.statistics_from or statistics,
                "least_rows_a_value": self.least_rows_a_value or int(np.clip(rows // 2000, 2, 20)),
            }
        )

    def _taught(self, rows: int) -> float:
        if self.teacher is None or self.network.head != "binary":
            return 0.0
        return (TAUGHT if rows >= TAUGHT_FROM else 0.0) if self.taught is None else self.taught
