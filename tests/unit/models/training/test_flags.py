"""A command line made of a dataclass."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import pytest

from models.training.flags import add_fields


@dataclass
class Some:
    """One field of each kind."""

    data: str
    many: int = 3
    share: float | None = None
    is_loud: bool = False
    name: str | None = "x"


def _parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_fields(parser, Some, positional=("data",))
    return parser.parse_args(arguments)


def test_each_field_is_a_flag_of_its_kind() -> None:
    """Numbers are numbers, booleans switches, and defaults are the class's."""
    parsed = vars(_parse("here", "--many", "4", "--share", "0.5", "--is-loud", "--name", "y"))
    assert parsed == {
        "data": "here", "many": 4, "share": 0.5, "is_loud": True, "name": "y", "dry_run": False,
    }  # fmt: skip
    assert Some(**{k: v for k, v in vars(_parse("here")).items() if k != "dry_run"}) == Some("here")
    assert _parse("here", "--dry-run").dry_run is True


@pytest.mark.parametrize("arguments", [["here", "--many", "x"], ["here", "--most", "1"], []])
def test_what_is_no_flag_or_number_is_misuse(arguments: list[str]) -> None:
    """A word for a number, an unknown flag and a missing position end with 2."""
    with pytest.raises(SystemExit) as ended:
        _parse(*arguments)
    assert ended.value.code == 2
