"""The table of backbones, at a size that takes no time."""

from __future__ import annotations

from bezant.benchmarks.backbones import measure
from bezant.network.backbones import FORMS


def test_every_form_has_a_row_beside_torchs_transformer() -> None:
    text = "\n".join(measure(width=16, depth=1, heads=2, batch=3, longest=5, rounds=1))
    assert "3 histories of 5 records" in text and "torch TransformerEncoder" in text
    assert all(form in text for forms in FORMS.values() for form in forms)
    assert text.count("not causal") == 5
