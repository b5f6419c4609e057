"""What a researcher says about the network arrives in it, is saved, and is refused where it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.base import clone

import bezant
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.estimators.network_settings import NetworkSettings, read_network
from bezant.network.fields.embedding import FieldConfig
from bezant.network.model import NetworkConfig
from bezant.training.config import TrainingConfig
from bezant.types import InputError
from training_support import COLUMNS

CHOSEN = {"dropout": 0.15, "hide": 0.1, "smoothings": [5.0], "most_pairs": 2, "least_rows_a_value": 30}


def test_the_defaults_are_those_of_the_network() -> None:
    said = NetworkSettings()
    network, fields = NetworkConfig(), FieldConfig(n_bins=(), cardinalities=())
    assert said.dropout == network.dropout
    for name in ("hide", "smoothings", "number_embedding", "most_pairs", "most_ratios"):
        assert getattr(said, name) == getattr(fields, name)


def test_only_what_was_given_is_set_so_that_the_rest_may_follow_from_the_rows() -> None:
    plan = read_network({"dropout": 0.1}).plan("small", "tabm", "binary", TrainingConfig())
    assert plan.network.model_fields_set == {"size", "trunk", "head", "dropout"}
    assert read_network(None).plan("tiny", "mlp", "binary", TrainingConfig()).network.fields is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"drop": 0.1}, "'drop'.*the settings are dropout, groups"),
        ({"dropout": 1.5}, "'dropout'.*less than 1"),
        ({"smoothings": []}, "'smoothings'"),
        (7, "network"),
    ],
)
def test_what_is_unknown_or_out_of_range_is_refused_in_one_sentence(given: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_network(given)  # type: ignore[arg-type]


def test_an_additive_member_is_for_probabilities_of_an_event() -> None:
    said = read_network({"additive": True})
    assert said.plan("small", "tabm", "binary", TrainingConfig()).network.additive
    with pytest.raises(InputError, match="'severity' does not"):
        said.plan("small", "tabm", "severity", TrainingConfig())


def test_a_batch_is_dealt_evenly_among_the_members() -> None:
    with pytest.raises(InputError, match="dealt into 3 parts among 8 members; give a divisor"):
        read_network({"dealt": 3}).plan("small", "tabm", "binary", TrainingConfig())


def test_a_model_is_fitted_saved_and_cloned_with_its_settings(tmp_path: Path) -> None:
    loans = bezant.datasets.load("sba-sample")[list(COLUMNS)].iloc[::60]
    how: dict[str, Any] = {
        "training": {"max_epochs": 1},
        "size": "tiny",
        "benchmark": False,
        "progress": False,
    }
    risk = CreditRisk(time="ApprovalDate", network=CHOSEN, **how)
    risk.fit(loans.drop(columns="default"), loans["default"])
    network = risk.model_.network.config
    assert network.dropout == 0.15
    assert network.fields is not None
    assert (network.fields.hide, network.fields.smoothings) == (0.1, (5.0,))
    assert len(network.fields.pairs) <= 2
    assert risk.record_.configuration["network"] == CHOSEN
    assert risk.record_.configuration["plan"]["least_rows_a_value"] == 30
    again = bezant.load(risk.save(tmp_path / "model"))
    assert again.get_params()["network"] == CHOSEN
    assert again.model_.network.config == network
    assert clone(risk).network == CHOSEN
    assert clone(CreditRisk(network=read_network(CHOSEN))).network == read_network(CHOSEN)


def test_only_probabilities_of_an_event_have_a_teacher() -> None:
    settings = NetworkSettings(taught=0.3)
    assert settings.plan("small", "tabm", "binary", TrainingConfig()).resolved(30_000).taught == 0.3
    with pytest.raises(InputError, match="'taught': gradient boosting teaches the probability"):
        settings.plan("small", "tabm", "fraction", TrainingConfig())
    assert NetworkSettings().plan("small", "tabm", "fraction", TrainingConfig()).teacher is None
