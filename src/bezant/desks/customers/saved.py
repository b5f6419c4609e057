"""How a fitted recommender becomes documents and is built again from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from torch import Tensor

from bezant.desks.customers.next_product import NextProduct
from bezant.desks.customers.owned_product import OwnedProduct
from bezant.desks.customers.recommended import restored_events
from bezant.desks.estimators.settings import seed_of
from bezant.evidence.rankings import RankingEvaluation
from bezant.training.config import TrainingConfig


def documents_of(model: Any) -> dict[str, Any]:
    """Return everything but the tensors of a ProductRecommender as JSON-ready values, by file."""
    parameters = model.get_params(deep=False)
    if isinstance(model.training, TrainingConfig):
        parameters["training"] = model.training.model_dump(mode="json")
    parameters["random_state"] = None if model.random_state is None else seed_of(model)
    parameters.pop("progress")
    attributes = model.attributes_
    return {
        "model": {
            "kind": type(model).__name__,
            "in_time": model.in_time_,
            "frame": model.frame_kind_,
            "customers": model.customers_.to_pylist(),
            "products": model.products_.to_pylist(),
            "attributes": None if attributes is None else _plain(attributes),
            **model.model_.document(),
        },
        "parameters": parameters,
        "evidence": {
            "evaluation": None if model.evaluation_ is None else model.evaluation_.document(),
            "notes": list(model.notes_),
        },
    }


def restored(fitted: Any, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> None:
    """Fill a ProductRecommender, which is not fitted yet, with what was saved of a fitted one."""
    said = documents["model"]
    fitted.customers_, fitted.products_ = pa.array(said["customers"]), pa.array(said["products"])
    fitted.in_time_, fitted.frame_kind_ = said["in_time"], said["frame"]
    fitted.attributes_ = None if said["attributes"] is None else pa.table(said["attributes"])
    parts = {k.removeprefix("data."): v.numpy() for k, v in tensors.items() if k.startswith("data.")}
    fitted.data_ = restored_events(parts, len(fitted.products_))
    profile = fitted.data_.profile
    fitted.has_profiles_ = bool(profile.numbers.shape[1] + profile.codes.shape[1])
    own = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    fitted.model_ = (NextProduct if fitted.in_time_ else OwnedProduct).restore(own, said)
    evidence = documents["evidence"]
    judged = evidence["evaluation"]
    fitted.evaluation_ = None if judged is None else RankingEvaluation.restore(judged)
    fitted.notes_ = tuple(evidence["notes"])


def _plain(table: pa.Table) -> dict[str, list[Any]]:
    """Return attributes as JSON knows them: numbers and texts."""
    numbers = {
        n: table[n].to_pylist()
        for n in table.column_names
        if pa.types.is_integer(table[n].type) or pa.types.is_floating(table[n].type)
    }
    return {n: numbers.get(n) or table[n].cast(pa.string()).to_pylist() for n in table.column_names}
