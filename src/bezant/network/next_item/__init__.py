"""What a customer takes next: of events in time, and of sets without an order."""

from bezant.network.next_item.model import NextItem, NextItemConfig, learn_next_item
from bezant.network.next_item.owned_set import OwnedSetConfig, OwnedSetNetwork, learn_owned_set
from bezant.network.next_item.softmax import softmax_loss

__all__ = [
    "NextItem",
    "NextItemConfig",
    "OwnedSetConfig",
    "OwnedSetNetwork",
    "learn_next_item",
    "learn_owned_set",
    "softmax_loss",
]
