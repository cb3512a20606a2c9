"""How a command answers: lines for a person, or with `--json` one record and nothing else."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any


def answer(arguments: argparse.Namespace, record: Any, lines: Sequence[str]) -> None:  # noqa: ANN401
    """Print the record if the command was given `--json`, else the lines."""
    print(json.dumps(record, indent=2) if arguments.json else "\n".join(lines))
