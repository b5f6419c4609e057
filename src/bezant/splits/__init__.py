"""Parts to learn from and parts to judge on: out-of-time, walk-forward, stratified, by entity.

Everything here answers with row positions (:class:`Split`); :func:`take` and :func:`out_of_time` turn
them into frames of the kind that was given. A split never looks at anything but times, outcomes or
entities.
"""

from __future__ import annotations

from bezant.splits.at_random import by_entity, stratified
from bezant.splits.in_time import out_of_time, out_of_time_indices
from bezant.splits.split import Split, take
from bezant.splits.walking import walk_forward

__all__ = ["Split", "by_entity", "out_of_time", "out_of_time_indices", "stratified", "take", "walk_forward"]
