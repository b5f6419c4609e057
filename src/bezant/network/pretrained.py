"""What a desk starts from: a summary of records that was learned without labels."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from bezant.network.adaptation import Adapt, adapt
from bezant.network.fields.encoding import Encoding
from bezant.network.record_encoder import RecordSummary
from bezant.schema import Schema


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

    def start(self, how: Adapt, kept: int | None = None) -> RecordSummary:
        """Return a copy of the summary of which a training may move what ``how`` says.

        Parameters
        ----------
        how : {"frozen", "lora", "full"}
            See :func:`bezant.network.adaptation.adapt`.
        kept : int, optional
            Of a frozen one, so many principal components are read; all of its numbers if not given.
        """
        started = copy.deepcopy(self.summary) if kept is None else self.summary.reduced(kept)
        adapt(started, how)
        return started
