"""The GPU's kernels give what the plain functions give; here through Triton's interpreter.

The interpreter is chosen when a kernel is defined, so the comparison runs in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPARISON = Path(__file__).parent / "compare_kernels.py"


def test_kernels_and_gradients_are_the_plain_functions() -> None:
    """Values and gradients agree, at sides and channels that fill no block and at edges."""
    pytest.importorskip("triton", reason="Triton is not installed (extra `training`, on Linux)")
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, COMPARISON], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("agrees") == 10, done.stdout
