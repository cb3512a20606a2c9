"""`vcam bench`: runs the engine's own measuring in a process of its own, prints what it found."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from vcam.daemon.children import child_environment

_FLAGS = ("source", "seconds", "device", "size")


def main(arguments: argparse.Namespace) -> int:
    """Print a table, or with `--json` the record alone (docs/bench.md)."""
    command = [sys.executable, "-P", "-m", "vcam.engine.bench"]
    for name in _FLAGS:
        if (value := getattr(arguments, name)) is not None:
            command += [f"--{name}", value]
    if not arguments.json:
        print("Measuring; close other programs that work hard.", flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, env=child_environment(), check=False)
    if done.returncode != 0:
        return done.returncode if done.returncode > 0 else 1
    if arguments.json:
        sys.stdout.buffer.write(done.stdout)
    else:
        print("\n".join(_rows(json.loads(done.stdout))))
    return 0


def _rows(record: dict[str, Any], under: str = "") -> list[str]:
    """`name  value` for every figure, groups written out."""
    rows: list[str] = []
    for name, value in record.items():
        full = f"{under}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            group: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - JSON
            rows += _rows(group, f"{full}, ")
        else:
            rows.append(f"{full:<32} {value}")
    return rows
