"""Processes that train together: one set of weights, one mean gradient, each its own chance."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.training.crew import Crew, join

SHARING = Path(__file__).parent / "share_weights.py"


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def test_two_processes_are_one_training() -> None:
    """Both take the first one's weights, step along the mean gradient, and draw other numbers."""
    port = str(_free_port())
    started = []
    for rank in range(2):
        told = {"WORLD_SIZE": "2", "RANK": str(rank), "MASTER_ADDR": "127.0.0.1"}
        environment = os.environ | told | {"MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
        started.append(
            subprocess.Popen(
                [sys.executable, SHARING],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    outputs = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], outputs
    first, second = (out.strip().split("|") for out, _ in outputs)
    assert (first[:2], second[:2]) == (["0", "2"], ["1", "2"])
    assert first[2:4] == second[2:4]  # weights taken, weights after the step
    assert first[2] != first[3]
    assert float(first[4]) == float(second[4]) == pytest.approx(0.15)
    assert float(first[5]) == float(second[5]) == 10.0
    assert first[6] != second[6]


def test_one_process_is_a_crew_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torchrun nothing is waited for, and a step's seed gives the same numbers again."""
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    crew = join() if not torch.cuda.is_available() else Crew(torch.device("cpu"), 0, 1)
    assert (crew.rank, crew.count) == (0, 1)
    assert crew.agree(0.25) == 0.25
    drawn = []
    for seed, step in ((1, 2), (1, 2), (1, 3), (2, 2)):
        crew.seed(seed, step)
        drawn.append(float(torch.rand(1)))
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3
    crew.leave()
