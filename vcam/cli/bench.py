"""`vcam bench`: runs the engine's own measuring in a process of its own, shows what it found."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from vcam.daemon.children import child_environment

_SETTINGS = ("device", "size")
_OWN = ("source", "seconds")


def main(arguments: argparse.Namespace) -> int:
    """Show a table, or with `--json` the record and nothing else (docs/bench.md)."""
    if not arguments.json:
        print("Measuring; other programs that work hard spoil the figures.", flush=True)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "vcam.engine.bench", *_flags(arguments)],
        stdout=subprocess.PIPE,
        env=child_environment(),
        check=False,
    )
    if done.returncode != 0:  # it has said why
        return done.returncode if done.returncode > 0 else 1
    if arguments.json:
        sys.stdout.write(done.stdout.decode())
    else:
        print("\n".join(table(json.loads(done.stdout))))
    return 0


def _flags(arguments: argparse.Namespace) -> list[str]:
    """What the measuring process is told."""
    given = vars(arguments)
    return [
        *(f"--set={assignment}" for assignment in arguments.set),
        *(f"--set={name}={given[name]}" for name in _SETTINGS if given[name] is not None),
        *(f"--{name}={given[name]}" for name in _OWN if given[name] is not None),
    ]


def table(report: dict[str, Any]) -> list[str]:
    """The report's main figures for a person; docs/bench.md says what each means."""
    machine, settings, model = report["machine"], report["settings"], report["model"]
    lines = [
        f"{machine['device']}, {machine['cpu']} ({machine['cores']} cores)",
        f"{report['source']['name']} at {settings['size']}, model {model['name']} on"
        f" {model['runtime']} in {model['precision']}",
        *([f"Note: {model['note'].rstrip('.')}."] if model["note"] else []),
        "",
        f"{'':<22}{'p50':>11}{'p95':>11}",
    ]
    lines += [_times(f"{stage} alone", times) for stage, times in report["alone_ms"].items()]
    for name in ("free", "paced"):
        run = report[name]
        if run["frames"] == 0:
            lines += ["", f"{name}: no frame was done in {run['seconds']:.0f} s; give --seconds 30"]
            continue
        lines += [
            "",
            f"{name}: {run['fps']:.1f} frames a second, {run['dropped']} dropped, "
            f"{run['cpu_cores']:.2f} cores",
            _times("delay", run["delay_ms"]),
        ]
    return lines


def _times(name: str, times: dict[str, float]) -> str:
    return f"  {name:<20}{times['p50']:>8.1f} ms{times['p95']:>8.1f} ms"
