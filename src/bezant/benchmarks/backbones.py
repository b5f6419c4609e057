"""How many records a second each backbone trains on, beside torch's own transformer of equal size.

``python -m bezant.benchmarks.backbones`` times forward and backward, dropout included, on histories of 50
records and on ragged ones, on one thread. All take turns, so that a busy machine is busy for all; a round's
seconds are those of the processor. Ragged histories count their records alone, not the padding.

Torch's encoder drops attention weights too, for which it leaves the fused attention; ours drops none.
The rows without dropout compare the same work.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import Tensor, nn

from bezant.network.backbones import FORMS, BackboneConfig, make_backbone

DAY = 86_400_000_000


class BareTransformer(nn.Module):
    """``torch.nn.TransformerEncoder``, pre-norm and causal; it knows no times."""

    def __init__(self, width: int, depth: int, heads: int, dropout: float, longest: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.mask = torch.ones(longest, longest, dtype=torch.bool).triu(1)

    def forward(self, x: Tensor, times: Tensor, lengths: Tensor) -> Tensor:
        """Attend; padding, which stands after all records, needs no mask."""
        return self.encoder(x, mask=self.mask, is_causal=True)  # type: ignore[no-any-return]


def backbones(width: int, depth: int, heads: int, longest: int, dropout: float) -> dict[str, nn.Module]:
    """Return every kind and form at one width and depth, and torch's transformer."""
    found: dict[str, nn.Module] = {
        "torch TransformerEncoder": BareTransformer(width, depth, heads, dropout, longest)
    }
    for kind, forms in FORMS.items():
        for form in forms:
            for causal in (True, False) if form != "pooled" else (False,):
                config = BackboneConfig(
                    kind=kind,
                    form=form,
                    causal=causal,
                    width=width,
                    depth=depth,
                    heads=heads if kind == "transformer" else None,
                    dropout=dropout,
                )
                found[f"{kind} {form}{'' if causal else ', not causal'}"] = make_backbone(config, width)
    undropped = BackboneConfig(width=width, depth=depth, heads=heads, dropout=0)
    found["torch TransformerEncoder, no dropout"] = BareTransformer(width, depth, heads, 0.0, longest)
    found["transformer rotary, no dropout"] = make_backbone(undropped, width)
    return found


def seconds_a_step(module: nn.Module, x: Tensor, times: Tensor, lengths: Tensor) -> float:
    """Return the processor's seconds of one forward and backward pass."""
    start = time.process_time()
    module(x, times, lengths).sum().backward()
    seconds = time.process_time() - start
    module.zero_grad()
    return seconds


def measure(*, width: int, depth: int, heads: int, batch: int, longest: int, rounds: int) -> list[str]:
    """Return the lines of the table: thousands of records a second, the median of the rounds."""
    torch.manual_seed(0)
    modules = backbones(width, depth, heads, longest, dropout=0.1)
    x = torch.randn(batch, longest, width, requires_grad=True)
    times = torch.randint(0, 40 * DAY, (batch, longest)).cumsum(1)
    cases = [torch.full((batch,), longest), torch.randint(1, longest + 1, (batch,))]
    taken: dict[tuple[str, int], list[float]] = {(name, i): [] for name in modules for i in range(len(cases))}
    for done in range(rounds + 1):
        for name, case in taken:
            seconds = seconds_a_step(modules[name], x, times, cases[case])
            if done:  # the first round warms up
                taken[name, case].append(seconds)
    speed = {key: float(cases[key[1]].sum()) / statistics.median(found) for key, found in taken.items()}
    bare = next(iter(modules))
    lines = [
        f"Width {width}, depth {depth}, {batch} histories of {longest} records, or of 1 to {longest} "
        f"(ragged: {int(cases[1].sum())} records); torch {torch.__version__}, "
        f"{torch.get_num_threads()} thread(s), {rounds} rounds.\n",
        "| backbone | parameters | thousand records a second | to torch's | ragged | to torch's |",
        "|---|---|---|---|---|---|",
    ]
    for name, module in modules.items():
        cells = [
            f"{speed[name, i] / 1e3:.0f} | {speed[name, i] / speed[bare, i]:.2f}" for i in range(len(cases))
        ]
        lines.append(f"| {name} | {sum(p.numel() for p in module.parameters()):,} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (
        ("width", 64),
        ("depth", 2),
        ("heads", 4),
        ("batch", 64),
        ("longest", 50),
        ("rounds", 9),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    torch.set_num_threads(1)
    print("\n".join(measure(**vars(parser.parse_args()))), flush=True)


if __name__ == "__main__":
    main()
