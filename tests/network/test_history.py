"""The network of histories learns in half precision from the weights it has, not from those it had."""

from __future__ import annotations

import pytest
import torch

from bezant.network.batch import Batch
from bezant.network.history import TERMS, HistoryConfig, HistoryNetwork, Term, learn_history
from bezant.network.record_encoder import RecordsConfig, record_fields
from bezant.network.records import Records


def records(rows: int = 24, each: int = 5) -> Records:
    generator = torch.Generator().manual_seed(0)
    count = rows * each
    return Records(
        torch.randn(count, 1, generator=generator),
        torch.randint(0, 6, (count, 1), generator=generator, dtype=torch.int32),
        (torch.arange(count) % each) * 86_400_000_000,
        torch.arange(0, count, each),
        torch.full((rows,), each),
        torch.full((rows,), 20 * 86_400_000_000),
    )


def network(terms: tuple[Term, ...] = TERMS) -> HistoryNetwork:
    torch.manual_seed(0)
    config = HistoryConfig(records=RecordsConfig(fields=record_fields((), (6,))), terms=terms)
    return learn_history(records(), config)


@pytest.mark.parametrize("term", ["next", "later"])
def test_a_step_in_half_precision_reads_the_weights_of_the_step_before(
    term: Term, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Autocast remembers the weights of its first step for as long as it lasts: a whole training."""
    monkeypatch.setattr("bezant.network.history.HALF_FROM", 0)
    found = network((term,))
    batch = Batch(torch.empty(24, 0), torch.empty(24, 0, dtype=torch.int32), records=records())

    def loss() -> torch.Tensor:
        torch.manual_seed(1)
        value: torch.Tensor = found(batch)
        return value

    with found.computing_in(torch.bfloat16):
        before = loss()
        before.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for parameter in found.parameters():
                if parameter.grad is not None:
                    parameter -= 0.05 * parameter.grad
        after = float(loss().detach())
    exact = float(loss().detach())
    assert after == pytest.approx(exact, abs=0.05)
    assert after < float(before.detach()) - 0.01


def test_short_histories_are_read_in_single_precision_on_a_processor() -> None:
    found = network(("next",)).eval()
    batch = Batch(torch.empty(24, 0), torch.empty(24, 0, dtype=torch.int32), records=records())
    with found.computing_in(torch.bfloat16):
        half = found(batch)
    torch.testing.assert_close(half, found(batch), rtol=0, atol=0)


@pytest.mark.parametrize("term", ["fields", "records", "keys"])
def test_each_term_hides_by_itself(term: Term) -> None:
    found = network((term,))
    hidden = found._mask(records())
    assert 0 < float(hidden.float().mean()) < 0.3
    assert not found._mask(records().rows(slice(0, 0)).gathered()).any()


def test_what_hides_nothing_learns_no_heads() -> None:
    found = network(("next",))
    found._mask(records())
    assert not found._mask(records()).any()
