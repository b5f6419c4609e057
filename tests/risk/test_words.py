import pytest

from bezant.risk.words import amount, asset_names, counted
from bezant.types import InputError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_234_567.8, "1,234,568"),
        (-250.4, "-250"),
        (99.96, "100"),
        (99.94, "99.9"),
        (0.012345, "0.0123"),
        (0, "0"),
        (-0.0, "0"),
    ],
)
def test_amounts_are_whole_from_100_on(value: float, text: str) -> None:
    assert amount(value) == text


def test_one_is_not_many() -> None:
    assert [counted(n, "position") for n in (0, 1, 1200)] == ["0 positions", "1 position", "1,200 positions"]
    assert [counted(n, "pass", "passes") for n in (1, 2)] == ["1 pass", "2 passes"]


def test_assets_have_names_and_each_its_own() -> None:
    assert asset_names(None, 2) == ("asset 1", "asset 2")
    assert asset_names(["a", "b"], 2) == ("a", "b")
    with pytest.raises(InputError, match="2 assets need 2 different names, not 1"):
        asset_names(["a", "a"], 2)
