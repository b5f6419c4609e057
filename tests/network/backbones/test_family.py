"""Backbones as one family: every kind and form keeps the contract of :mod:`bezant.network.backbones`."""

from __future__ import annotations

import datetime

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from bezant.network.backbones import (
    BACKBONE_SIZES,
    FORMS,
    Backbone,
    BackboneConfig,
    DilatedCNN,
    LastAndMean,
    PooledCNN,
    RecurrentNetwork,
    make_backbone,
)
from bezant.network.backbones.clocks import DAY, SECOND

D, W = 5, 16
YEAR = 365 * DAY

FAMILY = [
    pytest.param(
        BackboneConfig(
            kind=kind,
            form=form,
            causal=causal,
            width=W,
            depth=3,
            heads=2 if kind == "transformer" else None,
        ),
        id=f"{form}-{'causal' if causal else 'whole'}",
    )
    for kind, forms in FORMS.items()
    for form in forms
    for causal in (True, False)
    if not (causal and form == "pooled")
]
CAUSAL = [p for p in FAMILY if p.values[0].causal]  # type: ignore[union-attr]
WHOLE = [p for p in FAMILY if not p.values[0].causal]  # type: ignore[union-attr]


def made(config: BackboneConfig, seed: int = 0) -> Backbone:
    """A backbone in eval mode, with weights large enough that what should matter is seen."""
    torch.manual_seed(seed)
    backbone = make_backbone(config, D).eval()
    with torch.no_grad():
        for p in backbone.parameters():
            p.mul_(1.5)
    return backbone


def history(length: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """One history: vectors (T, D) and ascending times (T,), with ties, over some decades."""
    g = torch.Generator().manual_seed(seed)
    gaps = (10 ** (torch.rand(length, generator=g) * 8) * SECOND).long()
    gaps[torch.rand(length, generator=g) < 0.3] = 0
    return torch.randn(length, D, generator=g), 10**15 + gaps.cumsum(0)


def batch(
    histories: list[tuple[Tensor, Tensor]], longest: int | None = None, fill: float = torch.nan
) -> tuple[Tensor, Tensor, Tensor]:
    """Right-pad histories with ``fill`` and with times that make no sense."""
    longest = max((len(t) for _, t in histories), default=0) if longest is None else longest
    x = torch.full((len(histories), longest, D), fill)
    times = torch.full((len(histories), longest), -(2**62))
    for i, (vectors, when) in enumerate(histories):
        x[i, : len(when)], times[i, : len(when)] = vectors, when
    return x, times, torch.tensor([len(t) for _, t in histories])


@pytest.mark.parametrize("config", FAMILY)
def test_a_vector_a_record_and_exact_zeros_elsewhere(config: BackboneConfig) -> None:
    x, times, lengths = batch([history(n, n) for n in (4, 0, 1, 7)], longest=9)
    h = made(config)(x, times, lengths)
    assert h.shape == (4, 9, W) and h.dtype == torch.float32
    padded = torch.arange(9) >= lengths[:, None]
    assert (h[padded] == 0).all()
    assert (h[~padded].abs().sum(-1) > 0).all() and h.isfinite().all()


@pytest.mark.parametrize("config", FAMILY)
def test_attributes_say_what_it_is(config: BackboneConfig) -> None:
    backbone = make_backbone(config, D)
    assert backbone.width == W and backbone.causal is config.causal


@pytest.mark.parametrize("config", FAMILY)
def test_neither_padding_nor_other_histories_change_a_history(config: BackboneConfig) -> None:
    backbone, own = made(config), history(6, 1)
    alone = backbone(*batch([own]))[0]
    for others, longest, place in (
        ([0, 9, 3], None, 2),
        ([0, 0], 6, 0),
        ([1], 13, 1),
        ([150, 40, 70], None, 1),
    ):
        among = [history(n, 7 + n) for n in others]
        among.insert(place, own)
        together = backbone(*batch(among, longest))[place, :6]
        assert_close(together, alone, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("config", FAMILY)
def test_the_order_of_histories_in_a_batch_does_not_matter(config: BackboneConfig) -> None:
    backbone = made(config)
    x, times, lengths = batch([history(n, n) for n in (4, 0, 130, 7, 4, 90)], fill=0.0)
    order = torch.tensor([3, 5, 0, 4, 2, 1])
    assert_close(
        backbone(x[order], times[order], lengths[order]),
        backbone(x, times, lengths)[order],
        atol=2e-5,
        rtol=1e-4,
    )


@pytest.mark.parametrize("config", FAMILY)
def test_a_batch_without_records_or_without_histories_is_a_batch(config: BackboneConfig) -> None:
    backbone = made(config)
    for rows, longest in ((0, 0), (2, 0), (0, 3), (2, 3)):
        h = backbone(
            torch.randn(rows, longest, D),
            torch.zeros(rows, longest, dtype=torch.int64),
            torch.zeros(rows, dtype=torch.int64),
        )
        assert h.shape == (rows, longest, W) and (h == 0).all()


@pytest.mark.parametrize("config", CAUSAL)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_nothing_later_changes_what_was_said_before(config: BackboneConfig, data: st.DataObject) -> None:
    length = data.draw(st.integers(2, 12))
    cut = data.draw(st.integers(1, length - 1))
    backbone = made(config, seed=data.draw(st.integers(0, 2)))
    own = history(length, data.draw(st.integers(0, 99)))
    x, times, lengths = batch([own, history(5, 3)], longest=12)
    kept = data.draw(st.integers(cut, 12))  # the length may change, too
    later_x, later_times = x.clone(), times.clone()
    later_x[0, cut:] = data.draw(st.floats(-1e3, 1e3, width=32))
    later_times[0, cut:] = times[0, cut - 1] + data.draw(st.integers(0, 100 * YEAR))
    changed = backbone(later_x, later_times, torch.tensor([kept, 5]))
    assert_close(changed[0, :cut], backbone(x, times, lengths)[0, :cut], atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("config", WHOLE)
def test_one_that_reads_the_whole_history_reads_the_last_record_first(config: BackboneConfig) -> None:
    x, times, lengths = batch([history(6)])
    changed = x.clone()
    changed[0, 5] += 1
    backbone = made(config)
    assert ((backbone(changed, times, lengths) - backbone(x, times, lengths))[0, 0].abs() > 1e-5).any()


@pytest.mark.parametrize("config", FAMILY)
def test_every_record_reaches_the_last_position(config: BackboneConfig) -> None:
    x, times, lengths = batch([history(6)])
    x.requires_grad_()
    made(config)(x, times, lengths)[0, 5].square().sum().backward()
    assert x.grad is not None and (x.grad[0].abs().sum(1) > 0).all()


@pytest.mark.parametrize("config", FAMILY)
def test_gradients_are_finite_whatever_the_times(config: BackboneConfig) -> None:
    def at(*dates: str) -> tuple[Tensor, Tensor]:
        start = datetime.datetime(1970, 1, 1)
        times = [
            (datetime.datetime.fromisoformat(d) - start) // datetime.timedelta(microseconds=1) for d in dates
        ]
        return torch.randn(len(dates), D), torch.tensor(times, dtype=torch.int64)

    cases = [
        at(),
        at("1900-02-28"),
        at("2100-02-28", "2100-03-01"),
        at("2024-02-29T23:59:59.999999", "2024-02-29T23:59:59.999999", "2024-02-29T23:59:59.999999"),
        at("1900-01-01", "1969-12-31T23:00:00", "2000-02-29", "2099-12-31"),
    ]
    backbone = make_backbone(config, D)
    x, times, lengths = batch(cases)
    x = x.nan_to_num().requires_grad_()
    h = backbone(x, times, lengths)
    h.square().sum().backward()
    grads = [x.grad, *(p.grad for p in backbone.parameters())]
    assert all(g is not None and g.isfinite().all() for g in grads)
    assert x.grad is not None and (x.grad[torch.arange(4) >= lengths[:, None]] == 0).all()


@pytest.mark.parametrize("config", FAMILY)
def test_dropout_is_for_training_only(config: BackboneConfig) -> None:
    backbone = make_backbone(config.model_copy(update={"dropout": 0.5}), D)
    given_batch = batch([history(6), history(3, 1)])
    assert not torch.equal(backbone(*given_batch), backbone(*given_batch))
    backbone.eval()
    assert torch.equal(backbone(*given_batch), backbone(*given_batch))


@pytest.mark.parametrize("config", FAMILY)
def test_time_is_a_value(config: BackboneConfig) -> None:
    backbone = made(config)
    x, times, lengths = batch([history(6)])
    said = backbone(x, times, lengths)
    stretched = times[:, :1] + 3 * (times - times[:, :1])
    era = 146_097 * DAY  # 400 years: whole weeks, the same calendar
    assert_close(backbone(x, times + era, lengths), said, atol=2e-5, rtol=1e-4)
    assert (backbone(x, stretched, lengths) - said).abs().max() > 1e-3
    assert (backbone(x, times + 100 * DAY, lengths) - said).abs().max() > 1e-3


@pytest.mark.parametrize("config", FAMILY)
def test_of_a_shift_of_all_times_only_the_calendar_is_seen(config: BackboneConfig) -> None:
    backbone = made(config)
    with torch.no_grad():
        backbone.input.clock.weight[:, :8] = 0
    x, times, lengths = batch([history(6)])
    shifted = backbone(x, times + 12_345_678_901_234, lengths)
    assert_close(shifted, backbone(x, times, lengths), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("config", FAMILY)
def test_learned_values_make_the_same_backbone_again(config: BackboneConfig) -> None:
    first, second = made(config, 0), made(config, 1)
    given_batch = batch([history(6), history(2, 1)])
    assert not torch.equal(first(*given_batch), second(*given_batch))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(*given_batch), second(*given_batch))
    assert BackboneConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("config", FAMILY)
def test_bfloat16_says_nearly_the_same(config: BackboneConfig) -> None:
    torch.manual_seed(0)
    backbone = make_backbone(config, D).eval()
    given_batch = batch([history(6), history(0), history(3, 1)])
    exact = backbone(*given_batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = backbone(*given_batch)
        rough.float().square().sum().backward()
    assert (rough.float() - exact).abs().max() < 0.15 * exact.abs().max()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in backbone.parameters())


def test_a_dilated_network_reads_as_far_as_it_says() -> None:
    backbone = made(BackboneConfig(kind="cnn", width=W, depth=3))
    assert isinstance(backbone, DilatedCNN) and backbone.dilations == [1, 2, 4]
    x, times, lengths = batch([history(20)])
    x.requires_grad_()
    backbone(x, times, lengths)[0, 19].square().sum().backward()
    assert x.grad is not None
    read = (x.grad[0].abs().sum(1) > 0).nonzero()[:, 0]
    assert read.tolist() == list(range(20 - (2**4 - 1), 20))


@pytest.mark.parametrize("causal", [True, False])
def test_dilated_taps_are_those_of_a_convolution(causal: bool) -> None:
    torch.manual_seed(0)
    backbone = DilatedCNN(D, width=W, depth=3, dropout=0.0, causal=causal)
    x, times, lengths = batch([history(11), history(3, 5)])
    seen: list[Tensor] = []
    backbone.input.register_forward_hook(lambda *given_: seen.append(given_[2]))
    said = backbone(x, times, lengths)
    h = seen[0][:11]
    for block, d in zip(backbone.blocks, backbone.dilations, strict=True):
        normed = block.norm(h).T[None]  # type: ignore[operator]
        kernel = block.taps.weight.view(2 * W, 3, W).transpose(1, 2)  # type: ignore[union-attr, operator]
        padded = torch.nn.functional.pad(normed, (2 * d, 0) if causal else (d, d))
        y = torch.nn.functional.conv1d(padded, kernel, block.taps.bias, dilation=d)  # type: ignore[union-attr, arg-type]
        a, b = y[0].T.chunk(2, 1)
        h = h + block.out(a * torch.sigmoid(b))  # type: ignore[operator]
    assert_close(said[0], backbone.norm(h), atol=1e-5, rtol=1e-4)


def test_the_pooled_network_has_one_vector_a_history() -> None:
    backbone = made(BackboneConfig(kind="cnn", form="pooled", width=W, depth=2))
    assert isinstance(backbone, PooledCNN)
    h = backbone(*batch([history(6), history(2, 1)]))
    assert torch.equal(h[0], h[0, :1].expand(6, -1)) and not torch.equal(h[0, 0], h[1, 0])


@pytest.mark.parametrize("form", ["gru", "lstm"])
@pytest.mark.parametrize("causal", [True, False])
def test_a_recurrent_network_is_torchs_own_on_one_history(form: str, causal: bool) -> None:
    torch.manual_seed(0)
    backbone = RecurrentNetwork(D, form=form, width=W, depth=2, dropout=0.0, causal=causal)  # type: ignore[arg-type]
    theirs = (torch.nn.GRU if form == "gru" else torch.nn.LSTM)(
        W, W if causal else W // 2, 2, batch_first=True, bidirectional=not causal
    )
    layers = {f"l{i}": layer for i, layer in enumerate(backbone.onward)}
    layers |= {f"l{i}_reverse": layer for i, layer in enumerate(backbone.back)}
    with torch.no_grad():
        for name, weight in theirs.named_parameters():
            part, _, layer = name.rpartition("_l")
            weight.copy_(layers[f"l{layer}"].get_parameter(f"{part}_l0"))
    seen: list[Tensor] = []
    backbone.input.register_forward_hook(lambda *given_: seen.append(given_[2]))
    h = backbone(*batch([history(7), history(4, 2), history(0)], longest=9))
    long, short = seen  # histories of different lengths are read apart
    assert_close(h[0, :7], theirs(long[None])[0][0], atol=1e-5, rtol=1e-4)
    assert_close(h[1, :4], theirs(short[None])[0][0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("causal", [True, False])
def test_the_summary_is_the_last_and_the_mean_or_a_learned_vector(causal: bool) -> None:
    torch.manual_seed(0)
    h, lengths = torch.randn(3, 4, W), torch.tensor([2, 0, 4])
    h = h * (torch.arange(4) < lengths[:, None])[:, :, None]
    summary = LastAndMean(W)
    torch.nn.init.normal_(summary.none)
    s = summary(h, lengths)
    assert s.shape == (3, summary.width) and summary.width == 2 * W
    assert_close(s[0], torch.cat([h[0, 1], h[0, :2].mean(0)]))
    assert_close(s[2], torch.cat([h[2, 3], h[2].mean(0)]))
    assert torch.equal(s[1], summary.none)
    assert torch.equal(summary(h[:, :0], torch.zeros(3, dtype=torch.int64)), summary.none.expand(3, -1))


SAID = {"tiny": 1e5, "small": 1e6, "base": 1e7, "large": 1e8, "xl": 1e9}


@pytest.mark.parametrize("size", SAID)
@pytest.mark.parametrize("form", ["dilated", "pooled", "gru", "lstm", "rotary"])
def test_sizes_have_about_the_parameters_the_table_says(form: str, size: str) -> None:
    kind = next(k for k, forms in FORMS.items() if form in forms)
    with torch.device("meta"):
        backbone = make_backbone(BackboneConfig(kind=kind, form=form, size=size), 64)
    assert 0.8 < sum(p.numel() for p in backbone.parameters()) / SAID[size] < 1.25
    assert BACKBONE_SIZES.keys() == {f for forms in FORMS.values() for f in forms}


@pytest.mark.parametrize(
    ("settings_", "sentence"),
    [
        ({"kind": "cnn", "form": "lstm"}, "forms"),
        ({"kind": "cnn", "form": "pooled", "causal": True}, "whole histories"),
        ({"kind": "rnn", "heads": 2}, "only a transformer has heads"),
        ({"kind": "transformer", "width": 20, "heads": 2}, "multiple of 8 times its 2 heads"),
        ({"kind": "rnn", "causal": False, "width": 7}, "even width"),
        ({"depth": 0}, "greater than or equal to 1"),
    ],
)
def test_a_configuration_that_does_not_fit_together_is_refused(
    settings_: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        BackboneConfig(**settings_)


def test_defaults_follow_from_the_kind() -> None:
    assert (BackboneConfig().kind, BackboneConfig().form, BackboneConfig().causal) == (
        "transformer",
        "rotary",
        True,
    )
    assert BackboneConfig(kind="rnn").form == "gru" and BackboneConfig(kind="cnn").form == "dilated"
    assert BackboneConfig(kind="cnn", form="pooled").causal is False


def test_lengths_beyond_the_batch_are_refused() -> None:
    x, times, _ = batch([history(3)])
    with pytest.raises(ValueError, match="not within 0 and 3"):
        make_backbone(BackboneConfig(size="tiny"), D)(x, times, torch.tensor([4]))
