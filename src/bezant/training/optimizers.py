"""Every usual optimizer by name, and the schedules of their learning rates."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Muon, Optimizer, RMSprop

from bezant.training.config import OptimizerName, ScheduleName, TrainingConfig

LEARNING_RATES: dict[OptimizerName, float] = {
    "gd": 0.5,
    "sgd": 0.1,
    "momentum": 0.03,
    "nesterov": 0.03,
    "adagrad": 0.01,
    "rmsprop": 0.001,
    "adam": 0.002,
    "adamw": 0.004,
    "muon": 0.005,
}
"""Highest learning rates to start from; ``compare_optimizers`` tries 0.3, 1 and 3 times each."""


def make_optimizers(
    parameters: Iterable[Tensor], hidden: Iterable[nn.Parameter], config: TrainingConfig
) -> list[Optimizer]:
    """Return the optimizer of all parameters; two of them for muon.

    Parameters
    ----------
    parameters : iterable of Parameter
        All of the network's.
    hidden : iterable of Parameter
        Its hidden weight matrices, which muon takes; AdamW takes the rest (Jordan et al. 2024).
    config : TrainingConfig
        Names the optimizer, its learning rate and weight decay.
    """
    parameters = [p for p in parameters if p.requires_grad]
    rate = config.learning_rate or LEARNING_RATES[config.optimizer]
    decay = config.weight_decay
    if decay is None:  # the same number means a far stronger pull where it is an L2 penalty
        decay = 0.03 if config.optimizer in ("adamw", "muon") else 0.0
    match config.optimizer:
        case "gd" | "sgd":
            return [SGD(parameters, lr=rate, weight_decay=decay, foreach=True)]
        case "momentum" | "nesterov":
            nesterov = config.optimizer == "nesterov"
            return [SGD(parameters, rate, momentum=0.9, nesterov=nesterov, weight_decay=decay, foreach=True)]
        case "adagrad":
            return [Adagrad(parameters, lr=rate, weight_decay=decay, foreach=True)]
        case "rmsprop":
            return [RMSprop(parameters, lr=rate, alpha=0.99, weight_decay=decay, foreach=True)]
        case "adam":
            return [Adam(parameters, lr=rate, weight_decay=decay, fused=True)]
        case "adamw":
            return [AdamW(parameters, lr=rate, weight_decay=decay, fused=True)]
        case "muon":
            chosen = {id(p) for p in hidden}
            matrices = [p for p in parameters if id(p) in chosen]
            others = [p for p in parameters if id(p) not in chosen]
            return [
                Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
                AdamW(others, lr=LEARNING_RATES["adamw"], weight_decay=decay, fused=True),
            ]


def rate_at(step: int, steps: int, schedule: ScheduleName, warmup: float) -> float:
    """Return the share of the highest learning rate at a step, 0 to 1.

    Parameters
    ----------
    step, steps : int
        The step, from 0, and their number.
    schedule : {"constant", "cosine", "one-cycle"}
        After the warm-up: unchanged; half a cosine down to zero; or up for 30 % of the steps and
        down to 1/10,000 for the rest (Smith and Topin 2018), the warm-up being part of the rise.
    warmup : float
        Share of the steps over which the rate rises linearly from zero.
    """
    rise = math.ceil(warmup * steps)
    first = min(1.0, (step + 1) / rise) if rise else 1.0
    if schedule == "constant":
        return first
    if schedule == "cosine":
        done = max(step - rise, 0) / max(steps - rise, 1)
        return first * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    peak = max(0.3 * steps, 1)
    if step < peak:
        return first * (0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * step / peak)))
    fall = (step - peak) / max(steps - peak, 1)
    return 1e-4 + (1 - 1e-4) * 0.5 * (1 + math.cos(math.pi * fall))


def set_rates(optimizers: Iterable[Optimizer], share: float) -> None:
    """Set every group's learning rate to a share of its highest."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = share * group.setdefault("highest_lr", group["lr"])


def best_precision(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the device multiplies such matrices in hardware, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu" and torch.cpu._is_amx_tile_supported():  # no public question exists
        return torch.bfloat16
    return torch.float32
