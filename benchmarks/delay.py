"""Does delay grow? Two minutes of a source faster than the engine, watched from outside.

    python benchmarks/delay.py [--seconds 120] [-- FLAGS OF VCAM RUN]

Starts `vcam run` on the demo presenter (30 frames a second, far more than the full model makes on
a CPU), asks it every second for its delay, and weighs its processes. Says whether the promise of
docs/performance.md held: p95 of the last 20 s at most 1.25 times that of the first 20 s after
warm-up plus one frame interval; memory flat.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from vcam.client import Client
from vcam.errors import DaemonError

WARM_UP_S = 10.0
SPAN_S = 20.0
INTERVAL_MS = 1000 / 30


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at one moment. delay_ms: (p50, p95) over the last two seconds."""

    at_s: float
    state: str
    fps_in: float
    fps_out: float
    delay_ms: tuple[float, float]
    memory_mb: float


def main() -> int:
    """Run, watch, and print JSON. Returns: 0 if the promise held."""
    options = _arguments().parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["VCAM_HOME"] = home
        command = [sys.executable, "-m", "vcam", "run", "--source", "demo", "--sink", "null"]
        command += ["--model", "face256"]
        process = subprocess.Popen([*command, "--no-tray", *options.flags], stdout=sys.stderr)
        try:
            samples = _watch(process, options.seconds)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
    report = _judged(samples)
    print(json.dumps({**report, "samples": [asdict(one) for one in samples]}, indent=1))
    return 0 if report["held"] else 1


def _watch(process: subprocess.Popen[bytes], seconds: float) -> list[Sample]:
    """One sample a second from the first styled frame on."""
    client, samples, began_s = Client(), list[Sample](), 0.0
    while not samples or time.monotonic() - began_s < WARM_UP_S + seconds:
        time.sleep(1.0)
        try:
            status = client.status()
        except DaemonError:
            if process.poll() is not None:
                raise
            continue
        if not samples and status["state"] != "styled":
            continue
        began_s = began_s or time.monotonic()
        samples.append(_sample(status, process.pid, time.monotonic() - began_s))
    return samples


def _sample(status: dict[str, Any], pid: int, at_s: float) -> Sample:
    daemon = psutil.Process(pid)
    family = [daemon, *daemon.children(recursive=True)]
    memory_mb = sum(one.memory_info().rss for one in family) / 2**20
    engine, published = status["engine"], status["published"]
    p50, p95 = published["delay_ms"]
    return Sample(at_s, status["state"], engine["fps_in"], engine["fps_out"], (p50, p95), memory_mb)


def _judged(samples: list[Sample]) -> dict[str, object]:
    """The first and the last span after warm-up, side by side."""
    kept = [one for one in samples if one.at_s >= WARM_UP_S]
    first = [one for one in kept if one.at_s < WARM_UP_S + SPAN_S]
    last = [one for one in kept if one.at_s >= kept[-1].at_s - SPAN_S]

    def worst(span: list[Sample]) -> float:
        return sorted(one.delay_ms[1] for one in span)[int(0.95 * (len(span) - 1))]

    def memory(span: list[Sample]) -> float:
        return sum(one.memory_mb for one in span) / len(span)

    bound_ms = 1.25 * worst(first) + INTERVAL_MS
    return {
        "delay_p95_first_ms": round(worst(first), 1),
        "delay_p95_last_ms": round(worst(last), 1),
        "bound_ms": round(bound_ms, 1),
        "memory_first_mb": round(memory(first), 1),
        "memory_last_mb": round(memory(last), 1),
        "held": worst(last) <= bound_ms and memory(last) <= 1.05 * memory(first),
    }


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Does delay grow?")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("flags", nargs="*", help="more flags of vcam run, after --")
    return parser


if __name__ == "__main__":
    sys.exit(main())
