"""A trained network with all it needs to score a table: schema, encoding, calibration."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from bezant.network.batch import Batch
from bezant.network.calibration import Calibrator
from bezant.network.fields.encoding import Encoding
from bezant.network.folding import FoldedNetwork
from bezant.network.model import Network, NetworkConfig
from bezant.network.recalibration import UNMOVED, Recalibration, days_of
from bezant.schema import Conformed, Role, Schema
from bezant.types import FloatArray


@dataclass(frozen=True)
class TableModel:
    """From a table to one calibrated answer a row; the only code path there is.

    Attributes
    ----------
    schema : Schema
        What the columns mean.
    encoding : Encoding
        How they become arrays.
    network : Network
        Trained.
    calibrator : Calibrator
        Fitted on rows the network was not trained on.
    recalibration : Recalibration
        What later outcomes have moved since; nothing at first.
    """

    schema: Schema
    encoding: Encoding
    network: Network
    calibrator: Calibrator
    recalibration: Recalibration = UNMOVED

    def conform(self, table: pa.Table) -> Conformed:
        """Return the typed columns this model reads; an InputError says what is wrong with them.

        What rows hold and cannot be read, such as infinite numbers, counts as missing; a warning says so.
        """
        roles = [Role.INPUT]
        if self.recalibration.needs_times or self.encoding.needs_time:
            roles.append(Role.TIME)
        conformed = self.schema.conform(table, roles=roles)
        for note in conformed.lost:
            warnings.warn(note, UserWarning, stacklevel=3)
        return conformed

    def score_table(self, table: pa.Table) -> FloatArray:
        """Return calibrated answers, float64 of shape (n,), for raw or typed rows."""
        return self.score_typed(self.conform(table).table)

    def score_typed(self, table: pa.Table) -> FloatArray:
        """Return calibrated answers for rows that :meth:`conform` made."""
        calibrated = self.calibrator.calibrated(self.raw_scores(table))
        return self.recalibration.apply(calibrated, self._days(table))

    def _days(self, table: pa.Table) -> FloatArray | None:
        """Times of typed rows in days since 1970, where the recalibration follows a trend."""
        if not self.recalibration.needs_times:
            return None
        assert self.schema.time is not None
        return days_of(table[self.schema.time].to_numpy())

    def raw_scores(self, table: pa.Table) -> FloatArray:
        """Return the network's own answers, before calibration, for typed rows."""
        if table.num_rows == 0:
            return np.empty(0)
        batch = Batch.of(self.encoding.encode(table))
        if self.network.records is not None:
            return self.network.predict(batch).double().numpy()
        return self.folded().predict(batch).double().numpy()

    def folded(self) -> FoldedNetwork:
        """Return the network as it is scored; folded once, and again if it has been trained since."""
        kept: FoldedNetwork | None = self.__dict__.get("_folded")
        if kept is None or not kept.is_current:
            kept = FoldedNetwork.of(self.network)
            object.__setattr__(self, "_folded", kept)
        return kept

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs: it folds the network itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_folded"}

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by name, ready to be saved."""
        named = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        return named | {f"calibrator.{k}": v for k, v in self.calibrator.state_dict().items()}

    def document(self) -> dict[str, Any]:
        """Return everything else as JSON-ready values."""
        return {
            "schema": self.schema.model_dump(mode="json"),
            "encoding": self.encoding.model_dump(mode="json"),
            "network": self.network.config.model_dump(mode="json"),
            "calibration": self.calibrator.method,
            "recalibration": self.recalibration.document(),
        }

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> TableModel:
        """Build the model again from what :meth:`tensors` and :meth:`document` gave."""
        network = Network(_with_further(NetworkConfig.model_validate(document["network"]), tensors))
        network.load_state_dict(_part(tensors, "network."))
        network.eval()
        calibrator = Calibrator(document["calibration"], tensors["calibrator.values"].to(torch.float64))
        return cls(
            Schema.model_validate(document["schema"]),
            Encoding.model_validate(document["encoding"]),
            network,
            calibrator,
            Recalibration.restore(document.get("recalibration", {})),
        )


def _with_further(config: NetworkConfig, tensors: Mapping[str, Tensor]) -> NetworkConfig:
    """Return a configuration that says what its additive member reads, as the first that read it did not."""
    missing = tensors.get("network.additive.numbers.missing")
    if missing is None or config.fields is None or "further" in config.model_fields_set:
        return config
    return config.model_copy(update={"further": len(missing) - len(config.fields.n_bins)})


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
