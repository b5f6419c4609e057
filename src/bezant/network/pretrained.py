"""What a desk starts from: a summary of records that was learned without labels."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

from bezant.network.fields.encoding import Encoding
from bezant.network.record_encoder import RecordSummary
from bezant.schema import Schema

Adapt = Literal["frozen", "lora", "full"]


@dataclass(frozen=True)
class PretrainedRecords:
    """A RecordSummary with what turns records into what it reads.

    Attributes
    ----------
    schema : Schema
        What the columns of the records mean.
    encoding : Encoding
        How they become arrays.
    summary : RecordSummary
        Trained.
    """

    schema: Schema
    encoding: Encoding
    summary: RecordSummary

    def copy(self) -> RecordSummary:
        """Return a summary that may be trained further."""
        return copy.deepcopy(self.summary)
