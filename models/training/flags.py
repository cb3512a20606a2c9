"""Command lines made of a configuration: a flag for each field, and what is said of errors."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import typing
from collections.abc import Callable
from types import NoneType
from typing import Any, TypeVar

from models.feature_distance import FeatureWeightsError
from models.training.shards import ShardError
from models.training.state import StateError
from models.weights import WeightsError

_Config = TypeVar("_Config")

_FINE, _MISUSE, _STOPPED = 0, 2, 130


def launch(
    program: str,
    purpose: str,
    config: type[_Config],
    work: Callable[[_Config], None],
    arguments: list[str] | None,
) -> int:
    """Make the configuration, show it, do the work; `--dry-run` ends before that.

    config: a dataclass with fields `data` and `out`, which raises ValueError where numbers do not
    fit together. Returns: 0; 2 if numbers do not fit or what is needed is missing or damaged; 130
    if stopped by Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog=program, description=purpose)
    add_fields(parser, config, positional=("data", "out"))
    options = vars(parser.parse_args(arguments))
    is_dry = options.pop("dry_run")
    try:
        made = config(**options)
    except ValueError as error:
        return _complain(str(error))
    print(json.dumps(options, indent=1), flush=True)
    if is_dry:
        return _FINE
    try:
        work(made)
    except WeightsError as error:
        return _complain(f"{error.message} {error.hint}")
    except (ShardError, StateError, FeatureWeightsError) as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        _complain(f"stopped; --resume goes on from the last state saved in {options['out']}")
        return _STOPPED
    return _FINE


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


def _complain(text: str) -> int:
    """Say what is wrong. Returns: the exit status of misuse."""
    sys.stderr.write(f"{text[:1].upper()}{text[1:]}\n")
    return _MISUSE
