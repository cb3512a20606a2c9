"""Networks whose crop has another side than the masks: the same edit, only finer or coarser."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from models.crop import transform_points
from tests.unit.edit.conftest import Scene, layer
from tests.unit.edit.test_editor import EchoNetwork, disc_of, flat, run
from vcam.edit import Editor, editor
from vcam.edit.geometry import at_side
from vcam.edit.sampling import resized

SIDES = [64, 256, 512, 1024]


class WatchedNetwork(EchoNetwork):
    """The echo network; keeps what it was shown."""

    seen: tuple[Tensor, Tensor]

    def follow(self, pair: Tensor, mask: Tensor) -> Tensor:
        """As EchoNetwork."""
        type(self).seen = pair, mask
        return super().follow(pair, mask)


def editor_of(side: int, monkeypatch: pytest.MonkeyPatch) -> Editor:
    """An editor whose network wants crops of this side."""
    network = SimpleNamespace(config=SimpleNamespace(size=side))
    monkeypatch.setattr(editor, "EditNetwork", WatchedNetwork)
    monkeypatch.setattr(editor, "build", lambda _: (network, network))
    return Editor("face256", "cpu")


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("mode", ["follow", "replace"])
def test_the_edit_lies_where_it_lies_at_the_masks_side(
    side: int, mode: str, monkeypatch: pytest.MonkeyPatch, disc: np.ndarray
) -> None:
    """What a network adds comes to the same place with the same strength, whatever its side."""
    scene = Scene()
    scene.frame.pixels[:] = 90  # flat: what is left to differ is where the edit goes
    wanted = layer(flat(200, 80, 40), mode=mode, detail=0.0)  # all of it from the network
    usual = run(editor_of(256, monkeypatch), scene, [wanted], disc).astype(int)
    out = run(editor_of(side, monkeypatch), scene, [wanted], disc).astype(int)
    assert np.abs(usual - 90).max() > 60
    edge = 20 if side < 256 else 4  # a cell of 64 is four pixels of 256
    assert np.abs(out - usual).max() <= edge
    assert np.abs(out - usual)[115:125, 155:165].max() <= 1


@pytest.mark.parametrize("side", SIDES)
def test_the_network_sees_its_own_side(
    side: int, monkeypatch: pytest.MonkeyPatch, scene: Scene, disc: np.ndarray
) -> None:
    """Crop, paste and mask come at the network's side, and show what they show at 256."""
    run(editor_of(side, monkeypatch), scene, [layer(flat(200, 80, 40))], disc)
    pair, mask = WatchedNetwork.seen
    assert pair.shape == (2, 3, side, side)
    assert mask.shape == (1, 1, side, side)
    usual = editor_of(256, monkeypatch)
    run(usual, scene, [layer(flat(200, 80, 40))], disc)
    coarse, coarse_mask = (resized_all(one, 64) for one in (pair, mask))
    at_256, mask_at_256 = (resized_all(one, 64) for one in WatchedNetwork.seen)
    assert (coarse - at_256).abs().mean() < 0.01
    assert (coarse_mask - mask_at_256).abs().max() < 0.02


@pytest.mark.parametrize("side", [64, 1024])
def test_pixels_off_the_mask_stay_at_every_side(
    side: int, monkeypatch: pytest.MonkeyPatch, scene: Scene
) -> None:
    """Outside the grown mask not one bit changes, even if the network stains everything."""
    monkeypatch.setattr(WatchedNetwork, "stain", 0.5)
    out = run(editor_of(side, monkeypatch), scene, [layer(flat(250, 10, 10))], disc_of(40))
    reach = disc_of(40 + 24 + 256 // side)  # a coarse cell spreads the mask by its own side
    assert scene.changed(out).any()
    assert not scene.changed(out)[scene.weight(reach) == 0].any()


def test_a_crop_at_another_side_has_the_same_edges(scene: Scene) -> None:
    """The crop's outer edges, half a pixel outside its pixel centres, are the same frame points."""
    larger = at_side(scene.to_crop, 1024)
    point = np.array([[100.0, 70.0]])
    at_256, at_1024 = (transform_points(m, point) for m in (scene.to_crop, larger))
    assert np.allclose((at_256 + 0.5) / 256, (at_1024 + 0.5) / 1024)


def resized_all(picture: Tensor, side: int) -> Tensor:
    """Each channel at another side."""
    channels = [resized(channel[None, None], side) for one in picture for channel in one]
    return torch.cat(channels)
