"""What the edit may touch and what it must not, with a network whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.unit.edit.conftest import Scene, beyond_reach, layer, scenes
from vcam.edit import Editor, editor
from vcam.errors import EditError
from vcam.frame import CROP_SIZE


class EchoNetwork:
    """Gives back what it is shown; its opinion of a blend is the blend, plus a stain on request."""

    stain = 0.0
    calls = 0

    def __init__(self, *_: object, **__: object) -> None:
        self.device = torch.device("cpu")

    def follow(self, pair: Tensor, mask: Tensor) -> Tensor:
        """[y0, y1, yp] = [x, lerp(x, p, mask) + stain, p]."""
        type(self).calls += 1
        x, p = pair.split(1)
        return torch.cat((x, torch.lerp(x, p, mask) + self.stain, p))

    def encode(self, picture: Tensor) -> Tensor:
        """The picture."""
        return picture

    def resize(self, stylemap: Tensor) -> list[Tensor]:
        """One level."""
        return [stylemap]

    def replace(self, live: Tensor, reference: list[Tensor], mask: Tensor) -> Tensor:
        """[y0, y1] = [x, lerp(x, r, mask)]."""
        type(self).calls += 1
        return torch.cat((live, torch.lerp(live, reference[0], mask) + self.stain))


@pytest.fixture(scope="module")
def echo() -> Iterator[Editor]:
    """An editor with the echo network in the place of the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(editor, "EditNetwork", EchoNetwork)
        yield Editor("face256", "cpu")


def flat(red: int, green: int, blue: int) -> np.ndarray:
    """A one-coloured reference of the crop's size."""
    return np.full((CROP_SIZE, CROP_SIZE, 3), (red, green, blue), np.uint8)


def run(echo: Editor, scene: Scene, layers: list, *masks: np.ndarray) -> np.ndarray:
    """The frame after the edit."""
    out = scene.frame.pixels.copy()
    echo.edit(scene.frame, scene.face, scene.shape(*masks), layers, out)
    return out


@settings(deadline=None, max_examples=12)
@given(scene=scenes(), radius=st.integers(1, 110), mode=st.sampled_from(["follow", "replace"]))
def test_pixels_off_the_mask_stay_the_frames_own(
    echo: Editor, scene: Scene, radius: int, mode: str
) -> None:
    """Wherever the face is, however large: outside the grown mask not one bit changes."""
    out = run(echo, scene, [layer(flat(250, 10, 10), mode=mode)], disc_of(radius))
    assert not scene.changed(out)[beyond_reach(scene, radius)].any()


def disc_of(radius: int) -> np.ndarray:
    """A hard disc in the crop's middle."""
    y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE] - (CROP_SIZE - 1) / 2
    return (np.hypot(x, y) < radius).astype(np.float32)


def test_full_detail_gives_the_reference_itself(
    echo: Editor, scene: Scene, disc: np.ndarray
) -> None:
    """Where mask, strength and detail are 1 and the tone is the reference's, its colours appear."""
    out = run(echo, scene, [layer(flat(200, 80, 40))], disc)
    middle = out[115:125, 155:165].reshape(-1, 3)
    assert np.abs(middle.astype(int) - (200, 80, 40)).max() <= 2


def test_half_the_strength_goes_half_the_way(echo: Editor, scene: Scene, disc: np.ndarray) -> None:
    """At strength 0.5 a pixel lies midway between the user's and the reference's."""
    full = run(echo, scene, [layer(flat(200, 80, 40))], disc).astype(int)
    half = run(echo, scene, [layer(flat(200, 80, 40), strength=0.5)], disc).astype(int)
    own = scene.frame.pixels.astype(int)
    middle = np.s_[100:140, 140:180]
    assert np.abs(half[middle] - (own[middle] + full[middle]) / 2).max() <= 3


def test_without_detail_the_networks_change_carries_the_edit(
    echo: Editor, scene: Scene, disc: np.ndarray
) -> None:
    """At detail 0 the frame's own noise survives under the reference's colour."""
    out = run(echo, scene, [layer(flat(200, 80, 40), detail=0.0)], disc)
    middle = np.s_[112:128, 152:168]
    assert np.abs(out[middle].reshape(-1, 3).mean(0) - (200, 80, 40)).max() < 12
    assert out[middle].std(axis=(0, 1)).min() > 1.0


def test_what_the_network_adds_reaches_the_frame(
    echo: Editor, scene: Scene, disc: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network's opinion beyond a plain paste is added inside the mask, at every detail."""
    monkeypatch.setattr(EchoNetwork, "stain", 0.2)
    plain = run(echo, scene, [layer(flat(90, 90, 90))], disc).astype(int)
    assert abs(int(plain[120, 160].mean()) - (90 + round(0.1 * 255))) <= 3


@pytest.mark.parametrize("mode", ["follow", "replace"])
def test_a_network_without_an_answer_blackens_nothing(
    mode: str, echo: Editor, scene: Scene, disc: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures that are no numbers, as half precision may give, leave the plain paste, or nothing.

    0 times them is no number either: they once made the whole box black, far from any mask.
    """
    monkeypatch.setattr(EchoNetwork, "stain", float("nan"))
    out = run(echo, scene, [layer(flat(200, 80, 40), mode=mode)], disc)
    assert not (scene.changed(out) & (scene.weight(disc) == 0)).any()
    if mode == "follow":
        assert np.abs(out[120, 160].astype(int) - (200, 80, 40)).max() <= 2
    else:
        assert np.array_equal(out, scene.frame.pixels)


def test_the_users_palette_is_kept_unless_tone_says_otherwise(
    echo: Editor, scene: Scene, disc: np.ndarray
) -> None:
    """At tone 0 a pale reference takes the mean colour that the user's skin has."""
    out = run(echo, scene, [layer(flat(250, 230, 225), tone=0.0)], disc).astype(float)
    inside = scene.weight(disc) == 1
    skin = scene.frame.pixels[scene.weight(scene.skin) > 0.5].astype(float)
    assert np.abs(out[inside].mean(0) - skin.mean(0)).max() < 15


def test_layers_lie_over_one_another_in_one_batch(echo: Editor, scene: Scene) -> None:
    """Two follow layers cost one call; the later one is on top where both are full."""
    EchoNetwork.calls = 0
    layers = [layer(flat(200, 80, 40)), layer(flat(40, 80, 200))]
    out = run(echo, scene, layers, disc_of(80), disc_of(30))
    assert EchoNetwork.calls == 1
    assert np.abs(out[120, 160].astype(int) - (40, 80, 200)).max() <= 3
    assert np.abs(out[120, 160 + 38].astype(int) - (200, 80, 40)).max() <= 3


def test_no_layer_no_change(echo: Editor, scene: Scene) -> None:
    """Without layers the frame is left alone."""
    assert not scene.changed(run(echo, scene, [])).any()


def test_a_device_that_is_not_there_is_said_plainly() -> None:
    """Asking for a GPU on a machine without one names the cure."""
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(EditError) as caught:
        Editor("face256", "cuda")
    assert caught.value.code == "device-missing"
    assert "auto" in caught.value.hint


def test_real_weights_change_a_face_and_nothing_else() -> None:
    """With the shipped weights a coloured paste is edited inside the mask only."""
    scene = Scene()
    out = scene.frame.pixels.copy()
    real = Editor("face256", "cpu")
    real.edit(scene.frame, scene.face, scene.shape(disc_of(60)), [layer(flat(200, 80, 40))], out)
    changed = scene.changed(out)
    assert changed[scene.weight(disc_of(50)) == 1].mean() > 0.9
    assert not changed[scene.weight(disc_of(84)) == 0].any()
