"""``bezant plan``: what pretraining a model takes, before anything of it is allocated."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli.console import print_json, show
from bezant.cli.data import two_columns
from bezant.cli.fit import SizeName
from bezant.cli.sources import AsJson
from bezant.schema.words import counted
from bezant.types import InputError

if TYPE_CHECKING:
    from bezant.network.planning import PretrainingPlan

EXAMPLE = "Example: bezant plan --size xl --backbone transformer --events 1000000000"

TERA = 1e12


class Backbone(StrEnum):
    """What mixes the records of a history."""

    TRANSFORMER = "transformer"
    CNN = "cnn"
    RNN = "rnn"


BackboneOption = Annotated[Backbone, typer.Option("--backbone", help="What mixes the records of a history.")]
Window = Annotated[int, typer.Option("--window", min=1, help="Records read at once.")]


def plan(
    size: Annotated[SizeName, typer.Option("--size", help="Size of the backbone.")] = SizeName.SMALL,
    backbone: BackboneOption = Backbone.TRANSFORMER,
    events: Annotated[int, typer.Option("--events", min=1, help="Records to learn from.")] = 1_000_000,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="How often each is read.")] = 1,
    window: Window = 256,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Histories of a window in each step.")] = 64,
    numbers: Annotated[int, typer.Option("--numbers", min=0, help="Numbers of a record.")] = 2,
    categories: Annotated[
        list[int] | None,
        typer.Option("--category", min=1, metavar="VALUES", help="Values of a category; may be repeated."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--tflops", help="Matrix rate of another machine, in 10^12 operations a second."),
    ] = None,
    share: Annotated[
        float, typer.Option("--share", help="Share of the matrix rate that training reaches, 0 to 1.")
    ] = 0.4,
    as_json: AsJson = False,
) -> None:
    """Print parameters, memory and hours of pretraining; nothing of that size is allocated.

    The matrix rate of this machine is measured, on its processor and, where there is one, its GPU. Hours are
    those of the operations at a share of that rate, an assumption that --share states; reading and encoding
    the records come on top.
    """
    if not 0 < share <= 1 or (rate is not None and rate <= 0):
        raise InputError(f"--share lies between 0 and 1 and --tflops above 0, not at {share} and {rate}.")
    from bezant.network.planning import history_config, plan_pretraining

    config = history_config(
        size=size.value,
        backbone=backbone.value,
        numbers=numbers,
        categories=tuple(categories or ()),
        window=window,
    )
    found = plan_pretraining(config, batch=batch, events=events, epochs=epochs)
    hours = {name: found.hours(share * flops) for name, flops in _rates(rate).items()}
    if as_json:
        sums = {name: getattr(found, name) for name in ("weight_bytes", "optimizer_bytes", "average_bytes")}
        print_json({**asdict(found), **sums, "total_bytes": found.total_bytes, "hours": hours})
        return
    show(f"A {backbone.value} of size {size.value}, {numbers + len(categories or ())} fields a record")
    two_columns(_lines(found))
    show()
    two_columns([(name, _hours(value)) for name, value in hours.items()])
    show(f"At {share:.0%} of the matrix rate, which is an assumption: --share.", "dim")


def _rates(typed: float | None) -> dict[str, float]:
    """Return operations a second by what does them."""
    import torch

    from bezant.network.planning import matrix_rate

    found = {"processor": matrix_rate()}
    if torch.cuda.is_available():
        found["GPU"] = matrix_rate("cuda", size=8192)
    named = {f"{name} here, {flops / TERA:.3g} TFLOP/s": flops for name, flops in found.items()}
    return named | ({f"elsewhere, {typed:g} TFLOP/s": typed * TERA} if typed else {})


def _lines(found: PretrainingPlan) -> list[tuple[str, str]]:
    return [
        ("parameters", f"{found.parameters:,}, of the backbone {found.backbone_parameters:,}"),
        ("weights", _bytes(found.weight_bytes)),
        ("gradients", _bytes(found.weight_bytes)),
        ("optimizer", f"{_bytes(found.optimizer_bytes)} (AdamW)"),
        (
            "averages",
            f"{_bytes(found.average_bytes)} (the running one, the best, one aside while these judge)",
        ),
        (
            "activations",
            f"{_bytes(found.activation_bytes)} in a step of {found.batch:,} x {found.window:,} records",
        ),
        ("memory", f"{_bytes(found.total_bytes)} in all, in single precision"),
        (
            "training",
            f"{found.flops:.3g} operations for {counted(found.epochs, 'pass', 'passes')} over "
            f"{counted(found.events, 'record')}",
        ),
    ]


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{hours * 60:.2g} minutes"
    return f"{hours:,.0f} hours, {hours / 24 / 365.25:,.1f} years" if hours > 8766 else f"{hours:,.1f} hours"
