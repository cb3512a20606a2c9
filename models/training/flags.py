"""Command lines made of a configuration: a flag for each field."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import typing
from types import NoneType
from typing import Any


def add_fields(
    parser: argparse.ArgumentParser, config: type[Any], positional: tuple[str, ...]
) -> None:
    """Add a flag for each field of a dataclass, and `--dry-run`.

    Fields are str, int, float or bool, or one of them or None; booleans become switches.
    """
    kinds = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        options = [k for k in typing.get_args(kinds[field.name]) if k is not NoneType]
        kind = options[0] if options else kinds[field.name]
        flag = "--" + field.name.replace("_", "-")
        if field.name in positional:
            parser.add_argument(field.name, metavar=field.name.upper())
        elif kind is bool:
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, type=kind, default=field.default, metavar="X")
    parser.add_argument("--dry-run", action="store_true", help="show the configuration and end")


def complain(text: str) -> int:
    """Say what is wrong. Returns: the exit status of misuse."""
    sys.stderr.write(f"{text[:1].upper()}{text[1:]}\n")
    return 2
