import gzip

import pytest

from bezant.histories.readers.csv import read_csv, scan_csv
from bezant.types import InputError


def _file(tmp_path, content, name="loans.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(tmp_path, delimiter):
    lines = [["amount", "bank"], ["1", "a"], ["2", '"x,;|y"']]
    path = _file(tmp_path, "\n".join(delimiter.join(line) for line in lines) + "\n")
    assert read_csv(path).to_pydict() == {"amount": ["1", "2"], "bank": ["a", "x,;|y"]}


def test_decimal_commas_do_not_make_the_comma_the_delimiter(tmp_path):
    path = _file(tmp_path, "amount;rate;bank\n1,2;3,4;a\n5,6;7,8;b\n")
    assert read_csv(path).to_pydict() == {
        "amount": ["1,2", "5,6"],
        "rate": ["3,4", "7,8"],
        "bank": ["a", "b"],
    }


@pytest.mark.parametrize("header", ["a;b", "a|b", "amount", '"a,b"'])
def test_one_column_whose_header_holds_another_separator_stays_one(tmp_path, header):
    path = _file(tmp_path, f"{header}\n1\n2\n")
    assert read_csv(path).to_pydict() == {header.strip('"'): ["1", "2"]}


@pytest.mark.parametrize("content", ["", "\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path, content):
    with pytest.raises(InputError, match=r"loans.csv' is empty, with 0 rows"):
        read_csv(_file(tmp_path, content))


@pytest.mark.parametrize("content", ["a;b", "a;b\n", "a;b\r\n"])
def test_a_file_of_a_header_only_is_a_table_without_rows(tmp_path, content):
    table = read_csv(_file(tmp_path, content))
    assert table.column_names == ["a", "b"]
    assert table.num_rows == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_the_encoding_is_found_out(tmp_path, encoding):
    path = _file(tmp_path, "größe,x\nmüller,1\n".encode(encoding))
    assert read_csv(path).to_pydict() == {"größe": ["müller"], "x": ["1"]}


def test_a_latin_letter_far_behind_the_start_is_still_read(tmp_path):
    path = _file(tmp_path, b"a,b\n" + b"x,1\n" * 3_000_000 + b"m\xfcller,2\n")
    *_, last = scan_csv(path)
    assert last["a"][-1].as_py() == "müller"


def test_a_ragged_line_is_named(tmp_path):
    path = _file(tmp_path, 'a,b\n1,"two\nlines"\n3\n')
    with pytest.raises(InputError, match=r"Line 4 of .* has 1 value but the header names 2 columns"):
        read_csv(path)
    with pytest.raises(InputError, match=r"Line 3 of .* has 3 values"):
        read_csv(_file(tmp_path, "a,b\n1,2\n1,2,3\n"))


def test_every_value_is_text_and_quoted_line_ends_are_kept(tmp_path):
    path = _file(tmp_path, 'a,b\n007,"x\ny"\n,NA\n')
    assert read_csv(path).to_pydict() == {"a": ["007", ""], "b": ["x\ny", "NA"]}


def test_names_that_repeat_are_refused(tmp_path):
    with pytest.raises(InputError, match="Column 'a' stands more than once"):
        read_csv(_file(tmp_path, "a,a\n1,2\n"))


def test_a_file_that_is_not_text_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not text"):
        read_csv(_file(tmp_path, b"PK\x03\x04\0\0\0"))


def test_a_compressed_file_is_read(tmp_path):
    path = _file(tmp_path, gzip.compress(b"a,b\n1,2\n"), "loans.csv.gz")
    assert read_csv(path).to_pydict() == {"a": ["1"], "b": ["2"]}


def test_scanning_comes_in_pieces_that_together_are_the_file(tmp_path):
    path = _file(tmp_path, "a,b\n" + "".join(f"{i},{'x' * 50}\n" for i in range(300_000)))
    pieces = list(scan_csv(path))
    assert len(pieces) > 1
    assert [v for t in pieces for v in t["a"].to_pylist()] == [str(i) for i in range(300_000)]
