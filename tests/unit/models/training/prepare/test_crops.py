"""The crop is cut by models.crop's matrix, by area, and each objection is raised when it should."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFilter

from models.crop import crop_matrix, transform_points
from models.training.prepare.crops import (
    align,
    blur_of,
    objection_to_crop,
    objection_to_place,
    turn_of,
)
from models.training.prepare.outcomes import Limits, Reason
from tests.unit.models.training.prepare.conftest import NAMES, known_landmarks, portrait

EYES = ([33, 133, 159, 145], [362, 263, 386, 374])


def _crop(name: str) -> tuple[np.ndarray, np.ndarray]:
    to_crop = crop_matrix(known_landmarks(name), "face")
    landmarks = transform_points(to_crop, known_landmarks(name))
    return align(np.asarray(portrait(name)), to_crop), landmarks


def _mesh(name: str) -> np.ndarray:
    """The portrait's landmarks with a depth of their own: a bulge, the nose nearest."""
    flat = known_landmarks(name)
    away = np.linalg.norm(flat - flat[1], axis=1)
    return np.column_stack((flat, 0.5 * away)).astype(np.float32)


def _turned(mesh: np.ndarray, degrees: float) -> np.ndarray:
    """The mesh turned about the vertical axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    middle = mesh.mean(0)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return ((mesh - middle) @ rotation.T + middle).astype(np.float32)


def test_eyes_land_where_the_weights_expect_them() -> None:
    """Over all built-in faces the eyes come to (93, 116) and (163, 116), to 4 px on average."""
    centres = np.array([[_crop(name)[1][eye].mean(0) for eye in EYES] for name in NAMES[:12]])
    assert np.abs(centres.mean(0) - [(93, 116), (163, 116)]).max() < 4


def test_pixels_land_where_the_matrix_says() -> None:
    """At any scale and angle a spot of the photo comes to its place in the crop, to 0.15 px."""
    for scale, degrees in ((0.15, 10), (0.31, -25), (0.9, 5), (1.7, 40)):
        c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
        side = round(300 / scale)
        spot = np.array([[side * 0.55, side * 0.45]])
        middle = np.array([[c, -s], [s, c]]) @ [side / 2, side / 2]
        to_crop = np.array([[c, -s, 127.5 - middle[0]], [s, c, 127.5 - middle[1]]])
        y, x = np.mgrid[:side, :side]
        radius = 6 / scale
        light = np.exp(-((x - spot[0, 0]) ** 2 + (y - spot[0, 1]) ** 2) / radius**2)
        crop = align(np.repeat((light * 255).astype(np.uint8)[..., None], 3, 2), to_crop)
        weight = crop[..., 0].astype(float)
        ys, xs = np.mgrid[:256, :256]
        found = [(weight * xs).sum() / weight.sum(), (weight * ys).sum() / weight.sum()]
        assert np.abs(found - transform_points(to_crop, spot)[0]).max() < 0.15


def test_a_large_photo_is_averaged_not_sampled() -> None:
    """Stripes finer than the crop's pixels come out as their mean, without moire."""
    stripes = np.zeros((2000, 2000, 3), np.uint8)
    stripes[:, ::2] = 200
    to_crop = np.array([[0.13, 0.01, 0.0], [-0.01, 0.13, 10.0]])
    crop = align(stripes, to_crop)
    assert np.abs(crop[20:-20, 20:-20].astype(int) - 100).max() <= 6


def test_beyond_the_border_the_photo_is_mirrored() -> None:
    """What the photo does not show is its own border's mirror picture, never black."""
    photo = np.full((100, 100, 3), 180, np.uint8)
    crop = align(photo, np.array([[2.0, 0, 60], [0, 2.0, 40]]))
    assert crop.min() >= 178


def test_where_a_face_lies_is_judged() -> None:
    """Too small, cut off, turned away, unsteady or scrambled landmarks: each has its reason."""
    mesh, limits = _mesh("mara"), Limits()
    photo = (512, 512, 3)

    def reason(mesh: np.ndarray, shape: tuple[int, ...] = photo, earlier=None) -> Reason | None:
        found = objection_to_place(mesh, mesh if earlier is None else earlier, shape, limits)
        return found[0] if found else None

    assert reason(mesh) is None
    assert reason(mesh * np.float32(0.3)) is Reason.TOO_SMALL
    assert reason(mesh, (512, 260, 3)) is Reason.CUT_OFF
    assert reason(mesh, earlier=mesh + np.float32(30)) is Reason.IMPLAUSIBLE
    assert reason(_turned(mesh, 45)) is None, "three-quarter views are wanted"
    assert reason(_turned(mesh, 80), (2000, 2000, 3)) is Reason.TURNED
    scrambled = mesh.copy()
    scrambled[[10, 152]] = scrambled[[152, 10]]  # chin above, forehead below
    scrambled[:, 2] = 0
    assert reason(scrambled) in (Reason.IMPLAUSIBLE, Reason.TURNED)
    assert reason(np.zeros_like(mesh)) is Reason.IMPLAUSIBLE
    assert reason(np.full_like(mesh, np.nan)) is Reason.IMPLAUSIBLE


@pytest.mark.parametrize("degrees", [-60, -30, 30, 60])
def test_the_turn_is_the_angle_past_the_camera(degrees: float) -> None:
    """A mesh turned by so many degrees from the front is measured as turned by that much."""
    flat = _mesh("mara")
    flat[:, 2] = 0
    assert turn_of(flat) == pytest.approx(0, abs=0.5)
    assert turn_of(_turned(flat, degrees)) == pytest.approx(abs(degrees), abs=0.5)


def test_blur_rises_with_blur_alone() -> None:
    """More blur is measured as more, and half the contrast or light as the same."""
    crop, landmarks = _crop("omar")
    picture = Image.fromarray(crop)
    measured = [
        blur_of(np.asarray(picture.filter(ImageFilter.GaussianBlur(radius))), landmarks)
        for radius in (0, 1, 2, 3)
    ]
    assert measured == sorted(measured)
    assert measured[0] < 0.6 < Limits().most_blur < measured[-1]
    darker = blur_of((crop * 0.5 + 20).astype(np.uint8), landmarks)
    assert darker == pytest.approx(measured[0], abs=0.02)


def test_no_built_in_face_is_objected_to() -> None:
    """Beards, make-up, age and dark skin are no objection."""
    for name in NAMES:
        assert objection_to_crop(*_crop(name), Limits()) is None, name


@pytest.mark.parametrize("name", ["mara", "kofi", "henrik"])
@pytest.mark.parametrize("cover", ["mouth", "eye", "mask"])
def test_a_covered_face_is_dropped(name: str, cover: str) -> None:
    """A hand on the mouth, a patch on an eye and a folded blue mask are seen."""
    crop, landmarks = _crop(name)
    crop = crop.copy()
    if cover == "mouth":
        place = np.round(landmarks[[61, 291]].mean(0)).astype(int).tolist()
        cv2.ellipse(crop, place, (48, 32), 10, 0, 360, (176, 130, 106), -1, cv2.LINE_AA)
    elif cover == "eye":
        place = np.round(landmarks[[33, 133]].mean(0)).astype(int).tolist()
        cv2.ellipse(crop, place, (34, 28), 0, 0, 360, (20, 20, 24), -1, cv2.LINE_AA)
    else:
        outline = landmarks[[234, 132, 172, 150, 152, 379, 397, 361, 454, 195]]
        cv2.fillPoly(crop, [np.round(outline).astype(np.int32)], (120, 170, 200))
        for y in range(150, 256, 9):  # folds
            cv2.line(crop, (40, y), (216, y), (70, 110, 140), 2, cv2.LINE_AA)
    found = objection_to_crop(crop, landmarks, Limits())
    assert found is not None
    assert found[0] is Reason.COVERED
