"""How unlikely records are by the frequencies of their values alone: what a model of histories must beat."""

from __future__ import annotations

import torch
from torch import Tensor

from bezant.network.heads.fields import log_frequencies, log_widths
from bezant.network.history import HistoryNetwork
from bezant.network.records import Records


@torch.no_grad()
def marginal_surprise(network: HistoryNetwork, known: Records, judged: Records) -> Tensor:
    """Return the negative log-likelihood of every record by how often each value was seen, in nats.

    Numbers and times since the record before are counted in the network's own bins, and every value counts
    once more than it was seen, so that none is impossible: the same scale as :meth:`HistoryNetwork.surprise`,
    of which this is what can be said without reading any history.

    Parameters
    ----------
    network : HistoryNetwork
        Its bins; its weights are not used.
    known, judged : Records
        The rows that are counted, and those whose records are told.

    Returns
    -------
    float32 tensor, shape (N, F + 1)
        As of :meth:`HistoryNetwork.surprise`.
    """
    counted, told = known.gathered(), judged.gathered()
    seen, own = network.targets(counted), network.targets(told)
    classes = network.config.classes
    parts = [_nats(a, b, classes + 1) for a, b in zip(seen.bins.T, own.bins.T, strict=True)]
    pairs = zip(network.sizes, seen.codes.T, own.codes.T, strict=True)
    parts += [_nats(a, b, size) for size, a, b in pairs]
    gaps = _nats(seen.gaps[counted.later()], own.gaps, classes) + log_widths(network.gap_edges)[own.gaps]
    parts.append(gaps * told.later())
    found = torch.stack(parts, 1)
    found[:, : network.numbers] += network.within(told, own)
    return found


def _nats(seen: Tensor, own: Tensor, values: int) -> Tensor:
    return -log_frequencies(seen, values).index_select(0, own)
