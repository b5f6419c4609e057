"""What a backbone is made from: its kind, its form, its size. One table of sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bezant.network.sizes import SizeName

BackboneKind = Literal["cnn", "rnn", "transformer"]
BackboneForm = Literal["dilated", "pooled", "gru", "lstm", "rotary"]

FORMS: dict[str, tuple[BackboneForm, ...]] = {
    "cnn": ("dilated", "pooled"),
    "rnn": ("gru", "lstm"),
    "transformer": ("rotary",),
}
"""The forms of each kind; the first is its default."""


@dataclass(frozen=True)
class BackboneShape:
    """Width W of a record's vector, number of layers, and, of a transformer, its heads."""

    width: int
    depth: int
    heads: int = 1


BACKBONE_SIZES: dict[BackboneForm, dict[SizeName, BackboneShape]] = {
    "dilated": {
        "tiny": BackboneShape(width=48, depth=6),
        "small": BackboneShape(width=128, depth=8),
        "base": BackboneShape(width=384, depth=10),
        "large": BackboneShape(width=1024, depth=14),
        "xl": BackboneShape(width=2560, depth=22),
    },
    "pooled": {
        "tiny": BackboneShape(width=104, depth=3),
        "small": BackboneShape(width=320, depth=3),
        "base": BackboneShape(width=1024, depth=3),
        "large": BackboneShape(width=3328, depth=3),
        "xl": BackboneShape(width=10240, depth=3),
    },
    "gru": {
        "tiny": BackboneShape(width=88, depth=2),
        "small": BackboneShape(width=288, depth=2),
        "base": BackboneShape(width=896, depth=2),
        "large": BackboneShape(width=2816, depth=2),
        "xl": BackboneShape(width=9216, depth=2),
    },
    "lstm": {
        "tiny": BackboneShape(width=80, depth=2),
        "small": BackboneShape(width=256, depth=2),
        "base": BackboneShape(width=800, depth=2),
        "large": BackboneShape(width=2560, depth=2),
        "xl": BackboneShape(width=8192, depth=2),
    },
    "rotary": {
        "tiny": BackboneShape(width=64, depth=2, heads=4),
        "small": BackboneShape(width=160, depth=3, heads=5),
        "base": BackboneShape(width=384, depth=6, heads=6),
        "large": BackboneShape(width=768, depth=14, heads=12),
        "xl": BackboneShape(width=2048, depth=20, heads=16),
    },
}
"""About 0.1, 1, 10, 100 million and 1 billion parameters, as :data:`bezant.network.sizes.SIZES`.

A recurrent network grows in width alone: its steps wait for each other, and every layer adds to the wait. So
does the textbook's network, whose layers each halve the history."""


class BackboneConfig(BaseModel):
    """Everything needed to build a backbone again, but for the length of a record's vector.

    Parameters
    ----------
    kind : {"transformer", "cnn", "rnn"}, default "transformer"
        What mixes the records of a history.
    form : {"dilated", "pooled", "gru", "lstm", "rotary"}, optional
        Of a cnn "dilated" (default) or "pooled", of an rnn "gru" (default) or "lstm", of a transformer
        "rotary".
    causal : bool, optional
        True: a position reads itself and the earlier ones. False: it reads the whole history. True if not
        given, but for the form "pooled", which cannot be causal.
    size : {"tiny", "small", "base", "large", "xl"}, default "small"
        A row of :data:`BACKBONE_SIZES`.
    width, depth, heads : int, optional
        Those of the size if not given. Heads are of a transformer only; its width is a multiple of 8 heads.
    dropout : float, default 0.1
        Share of a vector's units left out in training; the same ones at all positions of a history.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: BackboneKind = "transformer"
    form: BackboneForm = Field(default_factory=lambda given: _form(given))
    causal: bool = Field(default_factory=lambda given: given.get("form") != "pooled")
    size: SizeName = "small"
    width: int | None = Field(default=None, ge=1)
    depth: int | None = Field(default=None, ge=1)
    heads: int | None = Field(default=None, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)

    @property
    def shape(self) -> BackboneShape:
        """Width, depth and heads: the size's where they are not given."""
        size = BACKBONE_SIZES[self.form][self.size]
        return BackboneShape(self.width or size.width, self.depth or size.depth, self.heads or size.heads)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.form not in FORMS[self.kind]:
            raise ValueError(f"a backbone {self.kind!r} has the forms {FORMS[self.kind]}, not {self.form!r}")
        if self.form == "pooled" and self.causal:
            raise ValueError("the form 'pooled' reads whole histories; give causal=False or form='dilated'")
        if self.heads is not None and self.kind != "transformer":
            raise ValueError(f"only a transformer has heads; leave heads={self.heads} out")
        width, heads = self.shape.width, self.shape.heads
        if self.kind == "transformer" and width % (8 * heads):
            raise ValueError(f"a transformer's width is a multiple of 8 times its {heads} heads, not {width}")
        if self.kind == "rnn" and not self.causal and width % 2:
            raise ValueError(f"an rnn in both directions has an even width, not {width}")
        return self


def _form(given: dict[str, Any]) -> BackboneForm:
    return FORMS[given.get("kind", "transformer")][0]
