"""A trained network with target and pair statistics of other rows; everything else as it was.

Codes, bins, scales, ratios, the choice of pairs and all weights keep their meaning. Only the tables of
outcomes are learned again, in the way in which they were learned first: each of the rows gets the statistics
of the other folds, and the tables those of all rows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bezant.network.batch import Batch
from bezant.network.fields.embedding import with_ratios
from bezant.network.fields.interactions import relearn_pairs
from bezant.network.heads.hazard import HazardHead
from bezant.network.model import Network


def relearn_statistics(network: Network, batch: Batch, folds: Tensor) -> tuple[Network, Batch]:
    """Return a copy of a network with statistics of these rows, and the rows ready for training.

    Parameters
    ----------
    network : Network
        Trained; it is not changed. Not one with a hazard head.
    batch : Batch
        Rows with their target.
    folds : int64 tensor, shape (n,)
        Fold of each row for out-of-fold statistics.
    """
    assert batch.target is not None and not isinstance(network.head, HazardHead)
    config = network.fields.config
    numbers, target = with_ratios(batch.numbers, config.ratios), batch.target
    pairs, corrections, cells = network.fields.interactions, torch.empty(len(batch), 0), 0
    if pairs is not None:
        pairs, corrections = relearn_pairs(
            config.pairs,
            pairs.edges,
            batch.codes,
            numbers,
            target,
            folds,
            config.cardinalities,
            binary=config.binary,
        )
        cells = len(pairs.keys)
    fields = config.model_copy(update={"pair_cells": cells})
    learned = Network(network.config.model_copy(update={"fields": fields}))
    kept = network.state_dict()
    if pairs is not None:
        kept |= {f"fields.interactions.{name}": table for name, table in pairs.state_dict().items()}
    learned.load_state_dict(kept)
    out_of_fold = learned.fields.statistics.learn(batch.codes, target, folds)
    statistics = torch.cat([out_of_fold, corrections], 1)
    return learned, Batch(batch.numbers, batch.codes, statistics, target, batch.weight)
