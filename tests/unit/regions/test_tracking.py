"""Landmarks, tracking and the warp, on a real picture with MediaPipe's own model."""

from __future__ import annotations

import cv2
import numpy as np

from models.crop import crop_matrix, transform_points
from vcam.frame import CROP_SIZE, Frame, LayerStyle, Pixels, Reference
from vcam.regions import FaceTracker, PictureLandmarks, shape_face
from vcam.regions.warp import GRID_SIDE, LiveFaceWarp

FRAME_NS = 33_333_333


def test_pictures_tell_one_face_from_none_and_two(portrait: Pixels) -> None:
    """A picture gives exactly the faces that it shows."""
    finder = PictureLandmarks()
    small = cv2.resize(portrait, (400, 400), interpolation=cv2.INTER_AREA)
    two = np.concatenate((small, small), 1)
    assert [len(finder.faces_in(p)) for p in (small, two, np.zeros_like(small))] == [1, 2, 0]
    finder.close()


def test_the_tracker_keeps_a_face_and_its_crop_together(portrait: Pixels) -> None:
    """A moving face keeps its id, and its crop stays within two crop pixels of the alignment."""
    tracker = FaceTracker("face")
    scene = cv2.copyMakeBorder(portrait, 0, 0, 120, 120, cv2.BORDER_REFLECT)
    ids: set[int] = set()
    for k in range(12):
        moved = np.ascontiguousarray(np.roll(scene, 6 * k, 1))
        face = tracker.track(Frame(moved, k, k * FRAME_NS))
        assert face is not None
        ids.add(face.id)
    exact = transform_points(crop_matrix(face.landmarks, "face"), face.landmarks)
    seen = transform_points(face.to_crop, face.landmarks)
    assert np.abs(exact - seen).max() < 2.0
    assert len(ids) == 1
    assert tracker.track(Frame(np.zeros_like(scene), 12, 12 * FRAME_NS)) is None
    tracker.close()


def test_the_warp_lays_features_on_features(portrait: Pixels) -> None:
    """The warp leads from the live eyes, lips and oval to the reference's own, within 1.5 px."""
    finder = PictureLandmarks()
    landmarks = finder.faces_in(portrait)[0]
    finder.close()
    points = transform_points(crop_matrix(landmarks, "face"), landmarks).astype(np.float32)
    stretched = landmarks * (0.5, 0.6) + (7.0, -3.0)
    grid = LiveFaceWarp(points).to_reference(stretched.astype(np.float32))
    assert grid.shape == (GRID_SIDE, GRID_SIDE, 2)
    cell = CROP_SIZE / GRID_SIDE
    for point in (33, 263, 13, 61, 291, 152, 10, 4):
        u, v = (points[point] + 0.5) / cell - 0.5
        place = np.full((1, 1), u, np.float32), np.full((1, 1), v, np.float32)
        at = cv2.remap(grid, *place, cv2.INTER_LINEAR)[0, 0]
        assert np.hypot(*(at - stretched[point])) < 1.5, point


def test_layers_on_one_face_share_their_geometry(portrait: Pixels) -> None:
    """Layers with the same regions or the same reference are given the very same arrays."""
    tracker = FaceTracker("face")
    face = tracker.track(Frame(portrait, 0, 0))
    tracker.close()
    assert face is not None
    first, second = (Reference(name, portrait, face.landmarks) for name in ("a", "b"))
    layers = [
        LayerStyle(regions, reference, 1.0, "follow", 0.0, 1.0)
        for regions, reference in ((("eyes",), first), (("eyes",), second), (("nose",), first))
    ]
    one, two, three = shape_face(face, layers).layers
    assert one.mask is two.mask
    assert one.warp is three.warp
    assert one.warp is not two.warp
