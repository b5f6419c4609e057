"""What the estimators of tables have in common: their settings, checked, and as they are saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import pyarrow as pa

from bezant.desks.estimators.intake import Leaks, is_matrix
from bezant.desks.estimators.network_settings import read_network
from bezant.network.adaptation import Adapt
from bezant.network.model import HeadName, TrunkName
from bezant.network.sizes import SIZES
from bezant.schema import Role, Schema
from bezant.training.config import TrainingConfig, read_config
from bezant.training.plan import TablePlan
from bezant.types import AnyArray, Frame, InputError

RUN_ONLY = ("checkpoint", "pretrained", "progress", "scratch")
"""Parameters that concern a run alone and are not part of a saved model."""


def seed_of(estimator: Any) -> int:
    """Return an estimator's seed; None is 0."""
    given = 0 if estimator.random_state is None else estimator.random_state
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 0:
        raise InputError(f"random_state is a whole number from 0 on or None, not {given!r}; give 0, say.")
    return int(given)


def names_given(names: Any) -> Any:
    """Return names as they were given, or one name as a list of it: a text is no list of letters."""
    one = isinstance(names, str | bytes | bool | int | float | np.generic)
    return [names] if one else names


def refuse_unknown_settings(estimator: Any, benchmark: tuple[Any, ...] = (True, False)) -> None:
    """Say in one sentence what a setting may be, before any work."""
    choices = {"size": tuple(SIZES), "trunk": get_args(TrunkName), "leaks": get_args(Leaks)}
    choices |= {"benchmark": benchmark, "progress": ("auto", True, False)}
    if hasattr(estimator, "adapt"):
        choices["adapt"] = ("auto", *get_args(Adapt))
        if estimator.pretrained is None and estimator.adapt in get_args(Adapt):
            raise InputError(
                f"adapt={estimator.adapt!r} says what of a pretrained model is trained further, but "
                "pretrained is None; give pretrained= too, or leave adapt out."
            )
    if hasattr(estimator, "in_memory"):
        choices["in_memory"] = ("auto", True, False)
    for name, allowed in choices.items():
        given = getattr(estimator, name)
        if not any(given is a or (isinstance(a, str) and given == a) for a in allowed):
            shown = ", ".join(map(repr, allowed))
            raise InputError(f"{name} is one of {shown}, not {given!r}.")
    seed_of(estimator)
    share = estimator.holdout
    if isinstance(share, bool) or not isinstance(share, float) or not 0 < share < 1:
        raise InputError(f"holdout is a share between 0 and 1, not {share!r}; 0.15 is usual.")
    if estimator.schema is not None and not isinstance(estimator.schema, Schema):
        raise InputError(
            f"schema is a bezant.Schema, not {estimator.schema!r}; read one with Schema.load(path)."
        )


def plan_of(estimator: Any, head: HeadName, seed: int) -> TablePlan:
    """Return how an estimator's network is fitted."""
    training = estimator.training if estimator.training is not None else TrainingConfig()
    if not isinstance(training, TrainingConfig):
        training = read_config(training)
    if "seed" in training.model_fields_set and training.seed != seed:
        raise InputError(
            f"training has the seed {training.seed} and random_state is {estimator.random_state!r}; give the "
            "seed as random_state alone."
        )
    details = read_network(getattr(estimator, "network", None))  # not every estimator has it
    training = training.model_copy(update={"seed": seed})
    return details.plan(estimator.size, estimator.trunk, head, training)


def parameters_of(estimator: Any) -> dict[str, Any]:
    """Return constructor arguments as JSON-ready values; what only concerned the run is left out."""
    given: dict[str, Any] = estimator.get_params(deep=False)
    if isinstance(given["training"], TrainingConfig):
        given["training"] = given["training"].model_dump(mode="json")
    if given.get("network") is not None:
        given["network"] = read_network(given["network"]).model_dump(mode="json", exclude_unset=True)
    given["random_state"] = None if estimator.random_state is None else seed_of(estimator)
    given["schema"] = estimator.schema.model_dump(mode="json") if estimator.schema else None
    if isinstance(given.get("event"), np.generic):
        given["event"] = given["event"].item()
    return {k: v for k, v in given.items() if k not in RUN_ONLY}


def restored_parameters(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return constructor arguments from what :func:`parameters_of` gave."""
    schema = document["schema"]
    return {**document, "schema": Schema.model_validate(schema) if schema else None}


def configuration_of(estimator: Any, plan: TablePlan) -> dict[str, Any]:
    """Return every setting of a fit, defaults included."""
    given = {k: v for k, v in parameters_of(estimator).items() if k not in ("schema", "training")}
    return {**given, "plan": plan.model_dump(mode="json", exclude={"network": {"fields"}})}


def set_names(estimator: Any, X: Frame, table: pa.Table) -> None:
    """Set what scikit-learn expects a fitted estimator to know about its columns."""
    estimator.n_features_in_ = len(table.column_names)
    if not is_matrix(X):
        estimator.feature_names_in_ = np.array(table.column_names, dtype=object)
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_


def column_names(estimator: Any) -> list[str]:
    """Return the names of the columns an estimator was fitted to; those of a matrix are x0, x1, ..."""
    unnamed = [f"x{i}" for i in range(estimator.n_features_in_)]
    return [str(name) for name in getattr(estimator, "feature_names_in_", unnamed)]


def ordering_times(schema: Schema, table: pa.Table) -> AnyArray | None:
    """Return the ordering times of a table, shape (n,), or None where it has none."""
    name = schema.time
    if name is None or name not in table.column_names:
        return None
    return np.asarray(schema.conform(table, roles=[Role.TIME]).table[name].to_numpy())
