"""The draw of the shipped sample: proportional, the same everywhere, and the shipped bytes."""

from __future__ import annotations

import datetime
import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.datasets.cache import cached_path
from bezant.datasets.make_sample import apportion, build, draw
from bezant.datasets.sba_loans import SBA_LOANS
from bezant.datasets.sba_sample import SBA_SAMPLE

SHIPPED = cached_path(SBA_SAMPLE, raw=False)
README = (SHIPPED.parent / "README.md").read_text(encoding="utf-8")


@given(counts=st.lists(st.integers(1, 500), min_size=1, max_size=12).map(np.array), data=st.data())
@settings(max_examples=50, deadline=None)
def test_shares_add_up_and_lie_within_one_of_proportional(counts, data):
    total = data.draw(st.integers(0, int(counts.sum())))
    shares = apportion(counts, total)
    assert shares.sum() == total
    assert (np.abs(shares - counts * total / counts.sum()) < 1).all()
    assert (shares <= counts).all()


def loans(n: int = 400) -> pa.Table:
    rng = np.random.default_rng(5)
    dates = [datetime.datetime(int(year), 3, 1) for year in rng.integers(1988, 2010, n)]
    numbers = rng.permutation(n) + 1_000_000
    return pa.table(
        {"LoanNr_ChkDgt": numbers, "ApprovalDate": dates, "default": (rng.random(n) < 0.3).astype(int)}
    )


def test_the_draw_is_stratified_and_depends_on_the_loan_numbers_alone():
    table = loans()
    chosen = table.take(draw(table, 100)).to_pandas()
    assert len(chosen) == 100
    assert chosen["ApprovalDate"].dt.year.between(1990, 2007).all()
    inside = table.to_pandas()[lambda f: f["ApprovalDate"].dt.year.between(1990, 2007)]
    strata = [inside["ApprovalDate"].dt.year, inside["default"]]
    expected = inside.groupby(strata).size() * 100 / len(inside)
    found = chosen.groupby([chosen["ApprovalDate"].dt.year, chosen["default"]]).size()
    assert (expected - found.reindex(expected.index, fill_value=0)).abs().max() < 1
    turned = table.take(np.arange(len(table))[::-1])
    again = turned.take(draw(turned, 100))["LoanNr_ChkDgt"].to_pylist()
    assert set(again) == set(chosen["LoanNr_ChkDgt"])


def test_the_shipped_bytes_are_those_the_readme_names():
    data = SHIPPED.read_bytes()
    assert hashlib.sha256(data).hexdigest() in README
    assert f"{len(data):,} bytes" in README


def test_the_command_rebuilds_the_shipped_file(tmp_path):
    if not cached_path(SBA_LOANS, raw=False).exists():
        pytest.skip("sba-loans is not in the cache; bezant.datasets.load('sba-loans') fetches it")
    build(tmp_path / "again.parquet")
    assert pq.read_table(tmp_path / "again.parquet").equals(pq.read_table(SHIPPED))
    if f"under pyarrow {pa.__version__}\n" in README:
        assert (tmp_path / "again.parquet").read_bytes() == SHIPPED.read_bytes()
