"""Sealed JSON: what was written is read, and nothing else is."""

from pathlib import Path

import pytest

from data_utils.sealed_json import read_sealed, sealed

ENTRY = {"epochs": [1, 0.1, None], "host": "é"}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Indented or not; a file without a digest is one of before there were any."""
    path = tmp_path / "x.json"
    for text in (sealed(ENTRY), sealed(ENTRY, indent=2), '{"epochs": [1, 0.1, null], "host": "é"}'):
        path.write_text(text, encoding="utf-8")
        assert read_sealed(path) == ENTRY


def test_no_flipped_bit_is_read_as_another_entry(tmp_path: Path) -> None:
    """Every byte of the file."""
    path, whole = tmp_path / "x.json", sealed({"epochs": 12}).encode()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert read_sealed(path)["epochs"] == 12
        except (ValueError, KeyError):
            continue


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_what_is_no_entry_is_a_value_error(tmp_path: Path, text: str) -> None:
    """Whatever it is."""
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=r".+"):
        read_sealed(tmp_path / "x.json")
