"""How a fitted CustomerDemand becomes tensors and documents, and is built again from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bezant.desks.customers.demand_fit import FittedDemand, tensors_of
from bezant.desks.customers.demand_rows import LAWS, Laws
from bezant.desks.customers.demand_trust import Trust
from bezant.desks.estimators.settings import seed_of
from bezant.evidence.demand import DemandEvaluation
from bezant.network.backbones import BackboneConfig
from bezant.network.model import Network, NetworkConfig
from bezant.traditional.demand import BoostedCorrections, GammaGamma, Purchases
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun
from bezant.types import AnyArray


def demand_tensors(model: Any) -> dict[str, Tensor]:
    """Return the tensors of a fitted CustomerDemand by name: its network, and the purchases it reads."""
    bought = model.bought_
    return {
        **tensors_of(model.fitted_.network),
        "events.customer": torch.from_numpy(np.asarray(bought.customer, np.int64)),
        "events.day": torch.from_numpy(bought.day.astype(np.int64)),
        "events.amount": torch.from_numpy(np.asarray(bought.amount, np.float64)),
    }


def demand_documents(model: Any, training: TrainingConfig) -> dict[str, Any]:
    """Return everything but the tensors of a fitted CustomerDemand as JSON-ready values, by file."""
    fitted: FittedDemand = model.fitted_
    given = model.get_params(deep=False)
    given["training"] = None if model.training is None else training.model_dump(mode="json")
    if isinstance(model.backbone, BackboneConfig):
        given["backbone"] = model.backbone.model_dump(mode="json")
    given["random_state"] = None if model.random_state is None else seed_of(model)
    del given["progress"]
    return {
        "model": {
            "kind": type(model).__name__,
            "network": fitted.network.config.model_dump(mode="json"),
            "trust": asdict(fitted.trust),
            "boosted": fitted.boosted.texts(),
            "laws": {
                key: {"parameters": law.parameters_, "spend": asdict(law.spend_)}
                for key, law in fitted.laws.items()
            },
            "until": str(model.until_),
            "names": model.bought_.names.tolist(),
        },
        "parameters": given,
        "evidence": {
            "evaluation": json.loads(fitted.evaluation.to_json()),
            "notes": list(fitted.notes),
            # The speed is the machine's: the same fit gives the same bytes.
            "history": [{**asdict(run), "rows_per_second": 0.0} for run in fitted.runs],
        },
    }


def restored_demand(tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> FittedDemand:
    """Build what was fitted again from what was saved of it."""
    model, evidence = documents["model"], documents["evidence"]
    network = Network(NetworkConfig.model_validate(model["network"]))
    prefix = "network."
    network.load_state_dict({k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)})
    network.eval()
    said = model["trust"]
    trust = {**said, "believed": tuple(map(tuple, said["believed"])), "count": tuple(said["count"])}
    return FittedDemand(
        network,
        BoostedCorrections.restore(model["boosted"]),
        Trust(**trust),
        _restored_laws(model["laws"]),
        DemandEvaluation.from_json(json.dumps(evidence["evaluation"])),
        tuple(TrainingRun.restore(run) for run in evidence["history"]),
        tuple(evidence["notes"]),
    )


def restored_purchases(tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> Purchases:
    """Build the purchases again that were saved with a model."""
    return Purchases(
        _names(documents["model"]["names"]),
        tensors["events.customer"].numpy(),
        tensors["events.day"].numpy().astype("datetime64[D]"),
        tensors["events.amount"].numpy(),
    )


def _restored_laws(document: Mapping[str, Any]) -> Laws:
    laws = {key: LAWS[key]() for key in document}
    for key, said in document.items():
        laws[key].parameters_ = tuple(said["parameters"])
        laws[key].spend_ = GammaGamma(**said["spend"])
    return laws


def _names(values: list[Any]) -> AnyArray:
    texts = bool(values) and isinstance(values[0], str)
    return np.array(values, dtype=object if texts else None)
