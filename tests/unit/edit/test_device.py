"""Looking for a graphics card: the driver is asked, and a card has to prove itself."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from vcam.edit import device, graphics
from vcam.edit.device import choose_device, self_test
from vcam.edit.graphics import NO_CARD, find_graphics


class FakeDriver:
    """NVIDIA's library, with what it answers."""

    def __init__(self, init: int, count: int) -> None:
        self._init, self._count = init, count

    def cuInit(self, _flags: int) -> int:  # noqa: N802 - the library's name
        """Starts it."""
        return self._init

    def cuDeviceGetCount(self, place: object) -> int:  # noqa: N802
        """Counts the cards."""
        ctypes.cast(place, ctypes.POINTER(ctypes.c_int))[0] = self._count  # type: ignore[arg-type]
        return 0


@pytest.mark.skipif(sys.platform == "darwin", reason="no NVIDIA there")
@pytest.mark.parametrize(
    ("init", "count", "kind", "why_not"),
    [
        (0, 1, "cuda", ""),
        (0, 0, "", NO_CARD),
        (100, 0, "", NO_CARD),
        (803, 0, "", "CUDA error 803"),
    ],
)
def test_the_driver_says_whether_there_is_a_card(
    monkeypatch: pytest.MonkeyPatch, init: int, count: int, kind: str, why_not: str
) -> None:
    """A card, none, or a driver that does not start: each is told apart."""
    monkeypatch.setattr(graphics.ctypes, "CDLL", lambda _: FakeDriver(init, count))
    found = find_graphics()
    assert found.kind == kind
    assert why_not in found.why_not


@pytest.mark.parametrize("has_driver", [False, True])
@pytest.mark.skipif(sys.platform == "darwin", reason="no NVIDIA there")
def test_half_a_driver_is_said_aloud(monkeypatch: pytest.MonkeyPatch, has_driver: bool) -> None:
    """A kernel driver without its library is no missing card: the cure is named."""

    def missing(_: str) -> None:
        raise OSError

    monkeypatch.setattr(graphics.ctypes, "CDLL", missing)
    driver = SimpleNamespace(exists=lambda: has_driver)
    monkeypatch.setattr(graphics, "_DRIVER_VERSION", driver)
    why_not = find_graphics().why_not
    assert ("install all of it" in why_not) == has_driver
    assert (why_not == NO_CARD) == (not has_driver)


def test_looking_for_a_card_does_not_load_torch() -> None:
    """Neither the look nor the room's name costs a machine without a card torch's memory."""
    code = (
        "import sys, vcam.edit; from vcam.edit.graphics import find_graphics; find_graphics();"
        "print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert said.stdout.strip() == "False"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_right_convolution_passes(dtype: torch.dtype) -> None:
    """Arithmetic that is right passes in any precision, and takes a time."""
    assert self_test(torch.device("cpu"), dtype) > 0


def test_wrong_results_do_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """One wrong number in a convolution's result is enough."""
    real, calls = torch.nn.functional.conv2d, []

    def wrong(picture: torch.Tensor, weight: torch.Tensor, padding: int) -> torch.Tensor:
        result = real(picture, weight, padding=padding)
        calls.append(1)
        if len(calls) > 1:  # the first is what is expected
            result[0, 3, 5, 7] += 1
        return result

    monkeypatch.setattr(device.F, "conv2d", wrong)
    with pytest.raises(RuntimeError, match="wrong results"):
        self_test(torch.device("cpu"), torch.float32)


def test_a_card_that_fails_leaves_the_work_to_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`auto` passes over a card whose test fails and says which and why; asked for, it is taken."""

    def fail(*_: object) -> float:
        raise RuntimeError("CUDA error: no kernel image is available\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Old Card")
    monkeypatch.setattr(device, "self_test", fail)
    choice = choose_device("auto")
    assert choice.device.type == "cpu"
    assert "Old Card failed its self-test (CUDA error: no kernel image is available)" in choice.note
    assert choose_device("cuda").device.type == "cuda"
    monkeypatch.setattr(device, "self_test", lambda *_: 0.02)
    choice = choose_device("auto")
    assert (choice.device.type, choice.note) == ("cuda", "")
    assert 0.5 < choice.edit_ms < 50


def test_a_torch_for_the_processor_beside_a_card_is_said_aloud(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A card that torch was not built for is named with the cure."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(device, "find_graphics", lambda: graphics.Graphics("cuda"))
    assert "install a torch build for CUDA" in choose_device("auto").note
