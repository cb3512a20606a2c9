"""Measures the engine, `python -m vcam.engine.bench`: JSON on standard output, nothing else there.

docs/bench.md says what is measured and explains every key.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from vcam.engine.process import divert_native_output, isolate
from vcam.errors import VcamError


def main() -> int:
    """Measure and print. Returns: the exit status."""
    options = _arguments().parse_args()
    report = os.fdopen(os.dup(1), "w")
    terminal = divert_native_output() if os.isatty(2) else sys.stderr
    os.dup2(2, 1)  # native libraries print there
    isolate()
    from vcam.engine.measuring import measure  # OpenCV, MediaPipe

    try:
        result = measure(
            source=options.source,
            seconds=options.seconds,
            pictures=options.pictures,
            changes=options.change,
            say=lambda text: terminal.write(f"{text}\n"),
        )
    except VcamError as error:
        terminal.write(f"vcam: {error} {error.hint}\n")
        return error.exit_status
    json.dump(result, report, indent=2)
    report.write("\n")
    report.flush()
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vcam.engine.bench",
        description="Measure the engine on this machine; prints JSON (docs/bench.md).",
    )
    parser.add_argument("--source", default="demo", help="a clip, a picture, or `demo`")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="length of each of the two runs (default 10)"
    )
    parser.add_argument(
        "--pictures", type=int, default=75, help="frames of the source to go round (default 75)"
    )
    parser.add_argument(
        "--set",
        dest="change",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting, such as size=640x480, device=cpu, fps=30, regions=eyes,mouth",
    )
    return parser


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # native threads are not waited for
