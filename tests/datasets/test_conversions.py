"""From the bytes of a source to typed columns: a few rows by hand, in the sources' own spelling."""

from __future__ import annotations

import dataclasses
import datetime
import gzip

import pyarrow as pa

from bezant.datasets import (
    cdnow,
    dow_jones,
    european_indices,
    german_credit,
    loans_full_schema,
    movielens,
    us_macro,
    us_stocks,
)
from bezant.datasets.arch_series import converting, reading
from bezant.datasets.columns import read_csv_as_text
from bezant.datasets.sba_loans import SBA_LOANS, convert

HEADER = (
    "LoanNr_ChkDgt,Name,City,State,Zip,Bank,BankState,NAICS,ApprovalDate,ApprovalFY,Term,NoEmp,NewExist,"
    "CreateJob,RetainedJob,FranchiseCode,UrbanRural,RevLineCr,LowDoc,ChgOffDate,DisbursementDate,"
    "DisbursementGross,BalanceGross,MIS_Status,ChgOffPrinGr,GrAppv,SBA_Appv\n"
)
PAID = (
    '1000014003,"HOBBY, INC",EVANSTON,IN,1234,A BANK,OH,451120,28-Feb-97,1997,84,4,2,0,0,1,0,N,Y,,28-Feb-99,'
    '"$60,000.00 ",$0.00 ,P I F,$0.00 ,"$60,000.00 ","$48,000.50 "\n'
)
LOST = (
    "9,,,,0,,,0,5-Mar-66,1976A,11,1,,0,0,0,0,`,0,1-Dec-68,31-Jul-14,"
    '"$1,234,567.00 ",$0.00 ,CHGOFF,"$1,000.00 ",$500.00 ,$250.00 \n'
)
UNKNOWN = PAID.replace("P I F", "")


def test_dirty_dollars_short_years_and_short_postcodes_of_the_sba_are_read():
    table = convert(read_csv_as_text((HEADER + PAID + LOST).encode()))
    first, second = table.to_pylist()
    assert first["Name"] == "HOBBY, INC"
    assert (first["Zip"], second["Zip"]) == ("01234", "00000")
    assert (first["GrAppv"], first["SBA_Appv"], second["DisbursementGross"]) == (60000.0, 48000.5, 1234567.0)
    assert first["ApprovalDate"] == datetime.datetime(1997, 2, 28)
    assert second["ApprovalDate"] == datetime.datetime(1966, 3, 5)
    assert second["ChgOffDate"] == datetime.datetime(1968, 12, 1)
    assert second["DisbursementDate"] == datetime.datetime(2014, 7, 31)
    assert second["ApprovalFY"] == 1976
    assert (second["NewExist"], second["City"], first["ChgOffDate"]) == (None, None, None)
    assert second["RevLineCr"] == "`"
    assert table.column_names == HEADER.strip().split(",")


def test_sba_rows_without_an_outcome_are_left_out_of_raw_and_typed_alike():
    source = read_csv_as_text((HEADER + PAID + UNKNOWN + LOST).encode())
    assert SBA_LOANS.outcome(source).to_pylist() == [False, None, True]
    two = dataclasses.replace(SBA_LOANS, rows=2)
    for raw in (True, False):
        assert two.labelled(source, raw=raw)["default"].to_pylist() == [0, 1]
    assert two.labelled(source, raw=True)["GrAppv"].to_pylist() == ["$60,000.00 ", "$500.00 "]


def test_the_counts_of_german_credit_become_whole_numbers():
    columns = {name: ["7", "12"] for name in german_credit.WHOLE} | {"purpose": ["car", "radio"]}
    table = german_credit.convert(pa.table(columns))
    assert table["credit_amount"].to_pylist() == [7, 12]
    assert table["purpose"].to_pylist() == ["car", "radio"]


def test_a_loan_in_grace_late_or_charged_off_counts_as_behind():
    states = ["Current", "Fully Paid", "In Grace Period", "Late (16-30 days)", "Charged Off"]
    table = pa.table({"loan_status": states, "issue_month": ["Jan-2018"] * 4 + ["Mar-2018"]})
    assert loans_full_schema.behind(table).to_pylist() == [False, False, True, True, True]
    months = loans_full_schema.convert(table)["issue_month"]
    assert months.type == pa.timestamp("us")
    assert months[4].as_py() == datetime.datetime(2018, 3, 1)


def test_purchases_between_spaces_are_read_with_and_without_headings():
    log = b" customer_id  date number_of_cds  dollar_value\r\n 00001 19970101  1   11.77\r\n"
    assert cdnow.convert(cdnow.read_log(log)).to_pylist() == [
        {"customer": 1, "time": datetime.datetime(1997, 1, 1), "quantity": 1, "amount": 11.77}
    ]
    sample = b" 00004 0001 19970118  2  29.73\n"
    assert cdnow.convert(cdnow.read_sample(sample)).to_pylist() == [
        {"customer": 4, "time": datetime.datetime(1997, 1, 18), "quantity": 2, "amount": 29.73}
    ]


def test_films_keep_their_quotes_and_a_year_that_is_none_is_missing():
    lines = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"]
    lines += ['1\tThe "Alamo\t1995\tWestern', "2\tunknown\t\tunknown", "3\tA\tV\tDrama Comedy"]
    table = movielens.convert_items(movielens.read("\n".join(lines).encode()))
    assert table["title"].to_pylist() == ['The "Alamo', "unknown", "A"]
    assert table["release_year"].to_pylist() == [1995, None, None]
    assert table["genres"].to_pylist() == ["Western", "unknown", "Drama Comedy"]


def test_seconds_since_1970_become_times():
    lines = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n"
    row = movielens.convert_ratings(movielens.read(lines)).to_pylist()[0]
    assert row == {"user": 196, "item": 242, "rating": 3, "time": datetime.datetime(1997, 12, 4, 15, 55, 49)}


def test_a_holidays_point_is_a_missing_price_and_the_asset_gets_its_name():
    data = gzip.compress(b"Date,DCOILWTICO,Other\n1/2/1986,25.56,x\n1/20/1986,.,x\n")
    source = reading({"Date": "time", "DCOILWTICO": "close"}, asset="WTI", missing=".")(data)
    assert converting("%m/%d/%Y")(source).to_pylist() == [
        {"asset": "WTI", "time": datetime.datetime(1986, 1, 2), "close": 25.56},
        {"asset": "WTI", "time": datetime.datetime(1986, 1, 20), "close": None},
    ]


def test_a_column_an_asset_becomes_a_row_a_bar():
    source = us_stocks.read(gzip.compress(b"Date,A,B\n1990-01-02,1,2\n1990-01-03,1.5,\n"))
    rows = converting("%Y-%m-%d")(source).to_pylist()
    assert [(row["asset"], row["time"].day, row["close"]) for row in rows] == [
        ("A", 2, 1.0),
        ("A", 3, 1.5),
        ("B", 2, 2.0),
        ("B", 3, None),
    ]


def test_a_quarter_is_dated_by_its_last_day():
    table = us_macro.convert(us_macro.read(b"year,quarter,cpi\n1959,1,28.98\n1959,4,29.4\n"))
    assert table.to_pylist() == [
        {"time": datetime.datetime(1959, 3, 31), "cpi": 28.98},
        {"time": datetime.datetime(1959, 12, 31), "cpi": 29.4},
    ]


def test_european_rows_are_dated_by_weekdays_and_stand_index_after_index():
    wide = {name: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0 + k] for k, name in enumerate(("DAX", "SMI", "CAC", "FTSE"))}
    table = european_indices.dated(pa.table({"rownames": [1, 2, 3, 4, 5, 6], **wide}))
    assert table["asset"].to_pylist()[::6] == ["CAC", "DAX", "FTSE", "SMI"]
    days = table["time"].to_pylist()[:6]
    assert (days[0], days[4], days[5]) == ("1991-07-01", "1991-07-05", "1991-07-08")
    assert table["close"].to_pylist()[5::6] == [8.0, 6.0, 9.0, 7.0]


def test_closes_of_the_dow_jones_get_a_name():
    source = pa.table({"rownames": [1], "date": ["1885-02-16"], "value": [30.9226]})
    row = {"asset": "Dow Jones", "time": "1885-02-16", "close": 30.9226}
    assert dow_jones.named(source).to_pylist() == [row]
