"""A new network that begins with an old one's weights, although vocabularies, scales and bins are new.

What the rows say (vocabularies, scales, bins, statistics of outcomes, ratios, pairs) is learned afresh, as a
first fit does; what training found is taken over wherever the two networks have the same input. A number's
curve is taken over in its scaled form: where the rate of default has doubled, the scaled statistic of a bank
of middling risk is still in the middle, and so is what the network makes of it. An input that the old
network did not have begins without a say, and one that is gone is left out.
"""

from __future__ import annotations

from collections.abc import Hashable

import torch
from torch import Tensor

from bezant.network.fields.encoding import FIRST_KNOWN, CodeColumn, Encoding
from bezant.network.fields.numbers import NumberEmbedding, PiecewiseLinear
from bezant.network.heads.binary import BinaryHead
from bezant.network.model import Network

Shared = list[tuple[int, int]]
"""Places of what two networks share, in the new one and in the old one."""


@torch.no_grad()
def inherit(new: Network, encoding: Encoding, old: Network, old_encoding: Encoding) -> None:
    """Give a new network the weights of an old one, in place.

    Parameters
    ----------
    new : Network
        As :func:`bezant.network.model.learn_network` makes it: its level is that of the new rows, and stays.
        Size, trunk and head are the old one's.
    encoding : Encoding
        Of the new network.
    old, old_encoding
        The network to begin from, which is not changed, and its encoding.
    """
    assert isinstance(new.head, BinaryHead) and isinstance(old.head, BinaryHead)
    numbers = _shared(_numbers(new, encoding), _numbers(old, old_encoding))
    codes = _shared(_embedded(new, encoding), _embedded(old, old_encoding))
    if new.fields.numbers is not None and old.fields.numbers is not None:
        _take_numbers(new.fields.numbers, old.fields.numbers, numbers)
    if new.fields.categories is not None and old.fields.categories is not None:
        values = _shared_codes(new, encoding, old, old_encoding, codes)
        into, source = _places(values)
        new.fields.categories.vectors.weight[into] = old.fields.categories.vectors.weight[source]
    _take_trunk(new, old, _columns(new, old, numbers, codes))
    level, members = new.head.unit.bias.clone(), old.head.unit.bias
    new.head.load_state_dict(old.head.state_dict())
    new.head.unit.bias.copy_(level + members - members.mean())
    if new.additive is not None and old.additive is not None:  # solved for the new rows already
        new.additive.share.copy_(old.additive.share)


def _numbers(network: Network, encoding: Encoding) -> list[Hashable]:
    """Name every number that a network reads, in order: raw ones, ratios, statistics, pairs."""
    config = network.fields.config
    raw: list[Hashable] = [(c.field, c.part) for c in encoding.numbers]
    raw += [("ratio", raw[i], raw[j]) for i, j in config.ratios]
    codes = [_code_name(c) for c in encoding.codes]
    statistics = [("statistic", codes[c], s) for c in config.statistics for s in (*config.smoothings, "rows")]
    sources = [*codes, *raw]
    return [*raw, *statistics, *[("pair", frozenset((sources[i], sources[j]))) for i, j in config.pairs]]


def _code_name(column: CodeColumn) -> Hashable:
    return ("twin" if column.values else "category", column.field)


def _embedded(network: Network, encoding: Encoding) -> list[Hashable]:
    return [_code_name(encoding.codes[c]) for c in network.fields.config.embedded]


def _shared(new: list[Hashable], old: list[Hashable]) -> Shared:
    place = {name: i for i, name in enumerate(old)}
    return [(i, place[name]) for i, name in enumerate(new) if name in place]


def _places(shared: Shared) -> tuple[Tensor, Tensor]:
    pairs = torch.tensor(shared, dtype=torch.int64).view(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _take_numbers(new: NumberEmbedding, old: NumberEmbedding, shared: Shared) -> None:
    for i, j in shared:
        new.missing[i] = old.missing[j]
        if new.piecewise is not None and old.piecewise is not None:
            _take_curve(new.piecewise, i, old.piecewise, j)
        if new.periodic is not None and old.periodic is not None:
            for into, source in zip(new.periodic.parameters(), old.periodic.parameters(), strict=True):
                into[i] = source[j]


def _take_curve(new: PiecewiseLinear, i: int, old: PiecewiseLinear, j: int) -> None:
    """Let a curve go through the old one's points at the new edges, and level off beyond the old ones."""
    known, edges = _finite(old.edges[j]), _finite(new.edges[i])
    knots = old.knots().view(len(old.edges), -1, old.slope.shape[1])[j, : len(known)]
    right = torch.searchsorted(known, edges).clamp(1, len(known) - 1)
    share = (edges - known[right - 1]) / (known[right] - known[right - 1])
    values = torch.lerp(knots[right - 1], knots[right], share.clamp(0, 1)[:, None])
    new.slope[i] = old.slope[j]
    new.offset[i] = values[0] - edges[0] * old.slope[j]
    new.bends[i] = 0.0
    line = new.offset[i] + edges[:, None] * new.slope[i]
    new.bends[i, : len(edges) - 1] = (values - line).diff(dim=0)


def _finite(edges: Tensor) -> Tensor:
    return edges[~torch.isinf(edges)]


def _shared_codes(
    new: Network, encoding: Encoding, old: Network, old_encoding: Encoding, columns: Shared
) -> Shared:
    """Places of the vectors of the same value of the same category; missing and unknown are values too."""
    starts = [_starts(network, table) for network, table in ((new, encoding), (old, old_encoding))]
    places: Shared = []
    for i, j in columns:
        column = encoding.codes[new.fields.config.embedded[i]]
        before = old_encoding.codes[old.fields.config.embedded[j]]
        values = _shared(_values(column), _values(before))
        places += [(starts[0][i] + a, starts[1][j] + b) for a, b in values]
    return places


def _starts(network: Network, encoding: Encoding) -> list[int]:
    sizes = [encoding.codes[c].size for c in network.fields.config.embedded]
    return [sum(sizes[:i]) for i in range(len(sizes))]


def _values(column: CodeColumn) -> list[Hashable]:
    return [*(("reserved", i) for i in range(FIRST_KNOWN)), *column.texts, *column.values]


def _columns(new: Network, old: Network, numbers: Shared, codes: Shared) -> Shared:
    """Places in the rows' vectors of the fields that both networks have."""
    places: Shared = []
    after = (len(new.fields.config.n_bins), len(old.fields.config.n_bins))
    fields = [*numbers, *((i + after[0], j + after[1]) for i, j in codes)]
    starts = [torch.tensor([0, *n.fields.chunks]).cumsum(0).tolist() for n in (new, old)]
    for i, j in fields:
        width = new.fields.chunks[i]
        places += [(starts[0][i] + k, starts[1][j] + k) for k in range(width)]
    return places


def _take_trunk(new: Network, old: Network, columns: Shared) -> None:
    """Take the trunk over; of its first layer, what multiplies shared columns: new ones weigh nothing."""
    into, source = _places(columns)
    first = "layers.0."
    kept = old.trunk.state_dict()
    for name, tensor in new.trunk.state_dict().items():
        if not name.startswith(first) or "bias" in name or name == f"{first}s":
            tensor.copy_(kept[name])
            continue
        if name != f"{first}r":  # where nothing is multiplied, members still differ in r
            tensor.zero_()
        tensor[:, into] = kept[name][:, source]
