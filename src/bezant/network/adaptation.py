"""How a pretrained summary of records takes part in a training: frozen, in a few directions, or whole."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from bezant.network.record_encoder import RecordSummary
from bezant.types import InputError

Adapt = Literal["frozen", "lora", "full"]

RANK = 8
"""Directions in which "lora" moves a matrix."""


class _LowRank(nn.Module):
    """W + B A, of which B begins at zero (Hu et al. 2022, "LoRA", arXiv:2106.09685)."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        rank = min(rank, outputs, inputs)
        self.down = nn.Parameter(torch.randn(rank, inputs) * inputs**-0.5)
        self.up = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


def adapt(summary: RecordSummary, how: Adapt) -> None:
    """Say what of a summary is trained, in place.

    Parameters
    ----------
    summary : RecordSummary
        Pretrained.
    how : {"frozen", "lora", "full"}
        Nothing; a step of rank 8 beside each matrix of the backbone; everything.

    Raises
    ------
    InputError
        If it is "lora" and the backbone is no transformer.
    """
    if how == "lora" and not can_be_lora(summary):
        raise InputError(
            "adapt='lora' is for a pretrained transformer, whose matrices stand alone; give 'full', say."
        )
    if how == "full":
        return
    summary.requires_grad_(False)
    if how == "lora":
        for layer in _linear_layers(summary):
            parametrize.register_parametrization(layer, "weight", _LowRank(layer.weight, RANK))


def can_be_lora(summary: RecordSummary) -> bool:
    """Tell whether the matrices of a summary's backbone are linear layers of their own."""
    return summary.encoder.config.backbone.kind == "transformer"


def settle(network: nn.Module) -> None:
    """Add what "lora" learned to the matrices themselves, after training; otherwise nothing happens."""
    for layer in _linear_layers(network):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)


def _linear_layers(network: nn.Module) -> list[nn.Linear]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
