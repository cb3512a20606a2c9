"""The editor without torch: it gives what the other gives, and touches nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.crop import matrix_from_similarity
from models.lite.runtime import RuntimeMissingError
from tests.unit.edit.conftest import Scene, beyond_reach, layer, scenes
from vcam.edit import Editor, editor
from vcam.edit.lite import LiteEditor
from vcam.edit.lite import editor as lite_editor
from vcam.errors import EditError, FrameError
from vcam.frame import CROP_SIZE, LayerStyle

Floats = np.ndarray


def _picture(seed: int, amplitude: float) -> Floats:
    """A smooth picture as a network might paint it, [3, S, S]."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-amplitude, amplitude, (16, 16, 3)).astype(np.float32)
    fine = cv2.resize(coarse, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(fine.transpose(2, 0, 1))


# What every network here paints, whatever it is shown: [y0, y1, yp].
PAINTED = np.stack([_picture(seed, 0.4) for seed in (1, 2, 3)])


class FixedTorchNetwork:
    """In the place of the large model's inference form."""

    def __init__(self, *_: object, **__: object) -> None:
        self.device = torch.device("cpu")

    def follow(self, *_: object) -> torch.Tensor:
        """The fixed pictures."""
        return torch.from_numpy(PAINTED)

    def encode(self, picture: torch.Tensor) -> torch.Tensor:
        """Anything."""
        return picture

    def resize(self, stylemap: torch.Tensor) -> list[torch.Tensor]:
        """Anything."""
        return [stylemap]

    def replace(self, *_: object, **__: object) -> torch.Tensor:
        """The first two of the fixed pictures."""
        return torch.from_numpy(PAINTED[:2])


class FixedLiteNetwork:
    """In the place of the small one."""

    threads, version, precision = 2, "0", "f32"
    calls: tuple[str, ...] = ()

    def __init__(self, *_: object, **__: object) -> None: ...

    def follow(self, pair: Floats, mask: Floats) -> Floats:
        """The fixed pictures."""
        type(self).calls += ("follow",)
        return PAINTED

    def correct(self, pair: Floats, mask: Floats) -> Floats:
        """What follows from them."""
        type(self).calls += ("correct",)
        y0, y1, yp = PAINTED
        return (y1 - (y0 + mask[0, 0] * (yp - y0)))[None]


@pytest.fixture(scope="module")
def lite() -> Iterator[LiteEditor]:
    """The editor under test, without weights."""
    with pytest.MonkeyPatch.context() as patch:
        card = SimpleNamespace(name="lite", crop="face")
        patch.setattr(lite_editor, "load_weights", lambda _: SimpleNamespace(card=card))
        patch.setattr(lite_editor, "LiteNetwork", FixedLiteNetwork)
        yield LiteEditor("lite", "cpu")


@pytest.fixture(scope="module")
def full() -> Iterator[Editor]:
    """The editor with torch, to compare with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(editor, "EditNetwork", FixedTorchNetwork)
        yield Editor("face256", "cpu")


def reference(seed: int = 9, side: int = CROP_SIZE) -> np.ndarray:
    """A smooth reference picture of the crop's size."""
    small = np.random.default_rng(seed).uniform(30, 220, (12, 12, 3)).astype(np.float32)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def disc(radius: float, softness: float = 8.0) -> np.ndarray:
    """A soft disc in the crop's middle."""
    y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE] - (CROP_SIZE - 1) / 2
    return np.clip((radius - np.hypot(x, y)) / softness, 0, 1).astype(np.float32)


def run(
    one: Editor | LiteEditor, scene: Scene, layers: list[LayerStyle], masks: list[np.ndarray]
) -> np.ndarray:
    """The frame after the edit."""
    out = scene.frame.pixels.copy()
    one.edit(scene.frame, scene.face, scene.shape(*masks), layers, out)
    return out


@pytest.mark.parametrize("side_px", [120.0, 240.0, 420.0])
@pytest.mark.parametrize(
    "changes",
    [
        ({},),
        ({"tone": 0.0},),
        ({"strength": 0.7, "detail": 0.5},),
        ({"tone": 0.5}, {"strength": 0.6}),
        ({"detail": 0.3}, {"strength": 0.6}),
        ({"mode": "replace"},),
        ({"mode": "replace", "strength": 0.5}, {}),
    ],
    ids=["plain", "palette", "half", "two", "two halves", "replace", "both"],
)
def test_it_gives_what_the_editor_with_torch_gives(
    full: Editor, lite: LiteEditor, changes: tuple[dict[str, object], ...], side_px: float
) -> None:
    """With the same network behind both, no pixel is more than two grey levels apart."""
    scene = Scene(400, 300, side_px)
    layers = [layer(reference(9 + i), **change) for i, change in enumerate(changes)]
    masks = [disc(90), disc(50)][: len(layers)]
    expected, found = (run(one, scene, layers, masks).astype(int) for one in (full, lite))
    difference = np.abs(found - expected)
    inside = scene.changed(expected)
    assert inside.sum() > 1000
    assert difference.max() <= 2
    assert difference[inside].mean() < 0.4


@settings(deadline=None, max_examples=25)
@given(scene=scenes(), radius=st.integers(1, 110), mode=st.sampled_from(["follow", "replace"]))
def test_pixels_off_the_mask_stay_the_frames_own(
    lite: LiteEditor, scene: Scene, radius: int, mode: str
) -> None:
    """Wherever the face is, however large: outside the grown mask not one bit changes."""
    out = run(lite, scene, [layer(reference(), mode=mode)], [disc(radius, 1)])
    assert not scene.changed(out)[beyond_reach(scene, radius)].any()


@pytest.mark.parametrize("mode", ["follow", "replace"])
def test_a_network_without_an_answer_blackens_nothing(
    mode: str, lite: LiteEditor, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures that are no numbers leave the plain paste, or nothing, and no pixel off the mask."""
    none = np.full_like(PAINTED, np.nan)
    monkeypatch.setattr(FixedLiteNetwork, "follow", lambda *_: none)
    monkeypatch.setattr(FixedLiteNetwork, "correct", lambda *_: none[:1])
    out = run(lite, scene, [layer(reference(), mode=mode)], [disc(60, 1)])
    assert not scene.changed(out)[beyond_reach(scene, 60)].any()
    if mode == "replace":
        assert np.array_equal(out, scene.frame.pixels)
    else:
        assert out[120, 160].any()


def test_the_correction_costs_one_pass(lite: LiteEditor, scene: Scene) -> None:
    """At full detail, as by default, all layers together take the small model's short way."""
    FixedLiteNetwork.calls = ()
    layers = [layer(reference()), layer(reference(4), strength=0.5)]
    run(lite, scene, layers, [disc(80), disc(40)])
    assert FixedLiteNetwork.calls == ("correct",)
    run(lite, scene, [layer(reference(), detail=0.9)], [disc(80)])
    assert FixedLiteNetwork.calls == ("correct", "follow")


def test_an_empty_mask_costs_nothing(lite: LiteEditor, scene: Scene) -> None:
    """Without a mask, or with the face out of the picture, the network is not asked."""
    FixedLiteNetwork.calls = ()
    assert not scene.changed(run(lite, scene, [layer(reference())], [disc(-9)])).any()
    scene.to_crop[:] = matrix_from_similarity([0.0, 0.0, -5000.0, 0.0])
    assert not scene.changed(run(lite, scene, [layer(reference())], [disc(90)])).any()
    assert not scene.changed(run(lite, scene, [], [])).any()
    assert FixedLiteNetwork.calls == ()


def test_a_large_reference_does_not_shimmer(lite: LiteEditor, scene: Scene) -> None:
    """A reference far larger than the face is read from its halvings: fine stripes become grey."""
    side = 8 * CROP_SIZE
    stripes, grey = np.zeros((side, side, 3), np.uint8), np.full((side, side, 3), 59, np.uint8)
    stripes[::2] = 255  # the mean of their logarithms is that of 59
    shape = scene.shape(disc(60))
    shape.layers[0].warp[:] = shape.layers[0].warp * 8 + 3.5
    outs = [scene.frame.pixels.copy() for _ in range(2)]
    for out, picture in zip(outs, (stripes, grey), strict=True):
        lite.edit(scene.frame, scene.face, shape, [layer(picture)], out)
    assert np.abs(outs[0].astype(int) - outs[1]).max() <= 3


def test_a_failure_costs_one_frame(
    lite: LiteEditor, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What OpenVINO cannot do with one frame is that frame's error, not the engine's end."""

    def fail(*_: object) -> Floats:
        raise RuntimeError("no")

    monkeypatch.setattr(FixedLiteNetwork, "correct", fail)
    with pytest.raises(FrameError, match="could not be edited: no"):
        run(lite, scene, [layer(reference())], [disc(60)])


def test_a_system_without_openvino_is_told_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenVINO is missing the error names it and a model that does without."""

    def missing(*_: object, **__: object) -> None:
        raise RuntimeMissingError("No module named 'openvino'")

    monkeypatch.setattr(lite_editor, "LiteNetwork", missing)
    with pytest.raises(EditError, match="OpenVINO") as caught:
        LiteEditor("face256", "cpu")
    assert caught.value.code == "device-missing"
    assert "face256" in caught.value.hint


def test_another_device_than_the_processor_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for on a graphics card, the small model runs on the processor and says so."""
    card = SimpleNamespace(name="lite", crop="face")
    monkeypatch.setattr(lite_editor, "load_weights", lambda _: SimpleNamespace(card=card))
    monkeypatch.setattr(lite_editor, "LiteNetwork", FixedLiteNetwork)
    assert LiteEditor("lite", "cuda").note == "lite runs on the CPU, not on cuda"
    made = LiteEditor("lite", "auto")
    assert (made.note, made.device_name, made.model_name) == ("", "CPU, 2 threads", "lite")
