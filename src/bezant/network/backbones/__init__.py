"""Backbones: from a history's records to vectors that know the other records, one contract for all.

``backbone(x, times, lengths)`` takes

* ``x``, float32 (B, T, D): the records' vectors, right-padded,
* ``times``, int64 (B, T): microseconds since 1970, ascending within a history (ties are welcome),
* ``lengths``, int64 (B,): the number of records of each history, 0 to T,

where padded positions of ``x`` and ``times`` may hold anything, and returns (B, T, W) with exact zeros at
padded positions. A history's output depends on nothing but that history: neither on the padding nor on the
rest of the batch. ``width`` is W. If ``causal``, a position's output depends on its own record and earlier
ones alone (the record before in case of a tie is the one that stands before), so that a history of T records
is T training examples.

:class:`LastAndMean` makes one vector a history of it.
"""

from __future__ import annotations

from bezant.network.backbones.cnn import DilatedCNN, PooledCNN
from bezant.network.backbones.config import (
    BACKBONE_SIZES,
    FORMS,
    BackboneConfig,
    BackboneForm,
    BackboneKind,
    BackboneShape,
)
from bezant.network.backbones.rnn import RecurrentNetwork
from bezant.network.backbones.summary import LastAndMean
from bezant.network.backbones.transformer import Transformer

__all__ = [
    "BACKBONE_SIZES",
    "FORMS",
    "Backbone",
    "BackboneConfig",
    "BackboneForm",
    "BackboneKind",
    "BackboneShape",
    "DilatedCNN",
    "LastAndMean",
    "PooledCNN",
    "RecurrentNetwork",
    "Transformer",
    "make_backbone",
]

Backbone = DilatedCNN | PooledCNN | RecurrentNetwork | Transformer


def make_backbone(config: BackboneConfig, width_in: int) -> Backbone:
    """Build the backbone that a configuration names, with weights drawn anew.

    Parameters
    ----------
    config : BackboneConfig
        Kind, form, size.
    width_in : int
        Length D of a record's vector.
    """
    shape, dropout = config.shape, config.dropout
    if config.form == "pooled":
        return PooledCNN(width_in, width=shape.width, depth=shape.depth, dropout=dropout)
    if config.form == "dilated":
        return DilatedCNN(
            width_in, width=shape.width, depth=shape.depth, dropout=dropout, causal=config.causal
        )
    if config.form == "rotary":
        return Transformer(
            width_in,
            width=shape.width,
            depth=shape.depth,
            heads=shape.heads,
            dropout=dropout,
            causal=config.causal,
        )
    return RecurrentNetwork(
        width_in,
        form=config.form,
        width=shape.width,
        depth=shape.depth,
        dropout=dropout,
        causal=config.causal,
    )
