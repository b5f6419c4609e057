"""Trainings that one process does, or several together; run as a script by test_processes.py.

``python shared_fit.py FOLDER`` does them under however many processes were started; the main one
leaves the weights and what happened in the folder.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

import training_support
from bezant.artifacts import load_folder, save_folder
from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldConfig
from bezant.network.model import Network, NetworkConfig
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun, train
from bezant.training.plan import TablePlan
from bezant.training.processes import Processes
from bezant.training.table import prepare_for_training

HIDING = FieldConfig(n_bins=(), cardinalities=(), hide=0.2)

FITS: dict[str, dict[str, Any]] = {
    "uneven batches, dropout, hidden codes": {
        "network": {"trunk": "mlp", "fields": HIDING},
        "training": {"batch_size": 37, "max_epochs": 3, "seed": 1},
    },
    "an ensemble": {"network": {"trunk": "tabm"}, "training": {"batch_size": 80, "max_epochs": 2}},
    "weights, some of them zero": {
        "network": {"trunk": "mlp"},
        "training": {"batch_size": 41, "max_epochs": 2},
        "weighted": True,
    },
    "early stopping": {
        "network": {"trunk": "mlp"},
        "training": {"batch_size": 80, "max_epochs": 20, "patience": 2, "learning_rate": 0.02},
    },
    "one row a batch": {
        "network": {"trunk": "mlp"},
        "training": {"batch_size": 1, "max_epochs": 2},
        "rows": 25,
    },
}


class Died(Exception):
    """Ends a training where it stands."""


def problem(fit: dict[str, Any]) -> tuple[Network, Batch, Batch, TrainingConfig]:
    """A fresh network, its rows, rows to judge it on, and how to train it."""
    rows = fit.get("rows", 400)
    table, schema, y = training_support.loans(400)
    network = NetworkConfig(**{"size": "tiny", **fit["network"]})
    # In bfloat16 rounding alone moves a loss by a thousandth.
    plan = TablePlan(network=network, training=TrainingConfig(precision="float32", **fit["training"]))
    make, held_out = prepare_for_training(table, schema, y, torch.arange(0, 400, 5).numpy(), plan)
    made, batch = make()
    if rows < len(batch):
        batch = batch.rows(slice(0, rows))
    if fit.get("weighted"):
        # In the middle of every stretch of rows one process may be left without any weight.
        weight = torch.linspace(0, 3, len(batch)) * (torch.arange(len(batch)) % 3 > 0)
        batch = replace(batch, weight=weight)
    return made, batch, held_out, plan.training


def fitted(fit: dict[str, Any]) -> tuple[dict[str, Tensor], TrainingRun]:
    """Train; return the weights and what happened."""
    network, rows, held_out, config = problem(fit)
    run = train(network, rows, held_out, config)
    return {k: v.detach().clone() for k, v in network.state_dict().items()}, run


def resumed(place: Path) -> tuple[str, str]:
    """Digests of a training undisturbed, and of one that dies on the way and is started again."""
    fit = FITS["uneven batches, dropout, hidden codes"]
    ends = []
    for name, dies in (("whole", False), ("again", True)):
        file = place / name
        network, rows, held_out, config = problem(fit)
        config = config.model_copy(update={"checkpoint_seconds": 0.0})
        if dies:
            _until_death(network, rows, held_out, config, file)
            Processes().accelerator.wait_for_everyone()
            network = problem(fit)[0]
        train(network, rows, held_out, config, checkpoint=file)
        ends.append(training_support.digest(network))
    return ends[0], ends[1]


def _until_death(network: Network, rows: Batch, held_out: Batch, config: TrainingConfig, file: Path) -> None:
    loss, seen = network.loss, 0

    def dying(output: Tensor, batch: Batch) -> Tensor:
        nonlocal seen
        seen += 1
        if seen == 21:  # in the third epoch of nine steps each
            raise Died
        return loss(output, batch)

    network.loss = dying  # type: ignore[method-assign]
    try:
        train(network, rows, held_out, config, checkpoint=file)
    except Died:
        return
    raise AssertionError("the training did not die")


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for i, (name, fit) in enumerate(FITS.items()):
        tensors, run = fitted(fit)
        found[name] = asdict(run)
        if Processes().main:
            safetensors.torch.save_file(tensors, folder / f"{i}.safetensors")
        else:
            found[name]["digest"] = {k: float(v.double().sum()) for k, v in tensors.items()}
    found["resumed"] = resumed(folder)
    place = folder / "model"
    save_folder(place, {"weight": torch.ones(3)}, {"said": {"by": Processes().place}})
    found["saved"] = load_folder(place)[1]["said"]["by"]  # the others waited until it was there
    found["processes"] = Processes().number
    (folder / f"found-{Processes().place}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
