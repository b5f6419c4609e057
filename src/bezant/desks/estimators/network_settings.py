"""What a researcher may say about the network beyond its size and trunk; everything has a default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bezant.network.backbones import BackboneConfig
from bezant.network.fields.embedding import FieldConfig
from bezant.network.fields.numbers import NumberEmbeddingKind
from bezant.network.model import HeadName, NetworkConfig, TrunkName
from bezant.network.record_encoder import RecordsConfig
from bezant.network.sizes import SIZES, SizeName
from bezant.traditional.boosting_search import SEARCH
from bezant.traditional.gradient_boosting import GradientBoosting
from bezant.training.config import TrainingConfig
from bezant.training.plan import TablePlan
from bezant.types import InputError

OF_NETWORK = ("dropout", "groups", "dealt", "additive")
OF_FIELDS = ("hide", "smoothings", "number_embedding", "most_pairs", "most_ratios")
OF_RECORDS = ("backbone", "window")


class NetworkSettings(BaseModel):
    """Details of a table's network; what is not given is chosen by the number of rows or as usual.

    Parameters
    ----------
    dropout : float in [0, 1), default 0.3
        Share of a block's units left out of each training step.
    groups : int, optional
        Of a TabM trunk: groups of members that share no weights.
    dealt : int, optional
        Of a TabM trunk: parts that a batch is dealt into in training, each read by members of its own.
    additive : bool, optional
        Whether an additive logistic regression of the same fields, solved with a penalty, has a share of the
        answer; if not given, in tables of under 20,000 rows. For probabilities of an event only.
    taught : float in [0, 1), optional
        Share of the targets that, when training begins, is not the outcome but what LightGBM, fitted to
        other rows, says of the row; it falls to nothing. If not given, 0.8 in tables of at least 1,500
        rows that have no records, which LightGBM does not read. For probabilities of an event, in memory.
    hide : float in [0, 1), default 0.0
        Share of the codes of categories that are replaced by "unknown" in a training step.
    smoothings : tuple of float, default (10.0, 100.0)
        Strengths of the smoothing of target statistics, in rows.
    number_embedding : {"piecewise", "periodic", "both"}, default "piecewise"
        How numbers become vectors.
    most_pairs : int, default 24
        At most this many pairs of columns get statistics of pairs; 0 for none.
    most_ratios : int, default 8
        At most this many pairs of amounts get log-ratios; 0 for none.
    least_rows_a_value : int, optional
        A value of a category that fewer rows have counts as unknown; 0.05 % of the rows, but at least 2 and
        at most 20, if not given.
    backbone : BackboneConfig or mapping, optional
        What mixes the records of a row, such as ``{"kind": "rnn"}``; a transformer of the network's size if
        not given.
    window : int, default 512
        At most so many of the latest records of a row are read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dropout: float = Field(default=0.3, ge=0, lt=1)
    groups: int | None = Field(default=None, ge=1)
    dealt: int | None = Field(default=None, ge=1)
    additive: bool | None = None
    taught: float | None = Field(default=None, ge=0, lt=1)
    hide: float = Field(default=0.0, ge=0, lt=1)
    smoothings: tuple[float, ...] = Field(default=(10.0, 100.0), min_length=1)
    number_embedding: NumberEmbeddingKind = "piecewise"
    most_pairs: int = Field(default=24, ge=0)
    most_ratios: int = Field(default=8, ge=0)
    least_rows_a_value: int | None = Field(default=None, ge=1)
    backbone: BackboneConfig | None = None
    window: int = Field(default=512, ge=1)

    def plan(self, size: SizeName, trunk: TrunkName, head: HeadName, training: TrainingConfig) -> TablePlan:
        """Return how a table is fitted; only what was given is set."""
        given = self.given()
        if self.additive and head != "binary":
            raise InputError(
                "network: 'additive': an additive member answers with the probability of an event, which the "
                f"head {head!r} does not; leave it out."
            )
        if self.taught and head != "binary":
            raise InputError(
                "network: 'taught': gradient boosting teaches the probability of an event, which the head "
                f"{head!r} does not answer with; leave it out."
            )
        members = SIZES[size].members * (self.groups or 1) if trunk == "tabm" else 1
        if self.dealt is not None and members % self.dealt:
            raise InputError(
                f"network: 'dealt': a batch cannot be dealt into {self.dealt} parts among {members} members; "
                "give a divisor of that number."
            )
        network = {name: given[name] for name in OF_NETWORK if name in given}
        fields = {name: given[name] for name in OF_FIELDS if name in given}
        if fields:
            network["fields"] = FieldConfig(n_bins=(), cardinalities=(), **fields)
        records = {name: given[name] for name in OF_RECORDS if name in given}
        if records:
            network["records"] = RecordsConfig(**records)
        return TablePlan(
            network=NetworkConfig(size=size, trunk=trunk, head=head, **network),
            training=training,
            least_rows_a_value=self.least_rows_a_value,
            teacher=GradientBoosting(search=SEARCH[:1], learning_rate=0.1) if head == "binary" else None,
            taught=self.taught,
        )

    def given(self) -> dict[str, Any]:
        """Return what was said, without the defaults."""
        return {k: v for k, v in self.model_dump(exclude_unset=True).items() if v is not None}


def read_network(given: NetworkSettings | Mapping[str, Any] | None) -> NetworkSettings:
    """Return the settings of a mapping; an InputError names what is unknown or out of range."""
    if isinstance(given, NetworkSettings):
        return given
    try:
        return NetworkSettings.model_validate({} if given is None else dict(given))
    except (ValidationError, TypeError, ValueError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        where = ".".join(map(str, first["loc"])) if first else "network"
        what = first["msg"] if first else str(error)
        known = ", ".join(NetworkSettings.model_fields)
        raise InputError(f"network: {where!r}: {what}; the settings are {known}.") from error
