"""The aligned crop: where the face lies in it, and the geometry around it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from models.crop import (
    CropKind,
    crop_matrix,
    invert_affine,
    matrix_from_similarity,
    similarity_parameters,
    transform_points,
)

EYES = {"right": [33, 133, 159, 145], "left": [362, 263, 386, 374]}
MOUTH = [61, 291]


def face(eye_distance: float = 70.0, eye_to_mouth: float = 73.0) -> NDArray[np.float64]:
    """A mesh whose eyes and mouth are where they are told to be; the rest does not matter."""
    points = np.full((478, 2), 500.0)
    points[EYES["right"]] = [400 - eye_distance / 2, 300]
    points[EYES["left"]] = [400 + eye_distance / 2, 300]
    points[MOUTH] = [400, 300 + eye_to_mouth]
    return points


def turned(points: NDArray[np.float64], angle: float, scale: float) -> NDArray[np.float64]:
    """Points turned clockwise as seen, scaled and moved."""
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    return points @ np.array([[a, b], [-b, a]]) + [31.0, -7.0]


def in_crop(points: NDArray[np.float64], kind: CropKind, size: int = 256) -> list[list[float]]:
    """Where the crop has the right eye, the left eye and the mouth."""
    moved = transform_points(crop_matrix(points, kind, size), points)
    parts = (EYES["right"], EYES["left"], MOUTH)
    return [moved[part].mean(0).round(6).tolist() for part in parts]


@pytest.mark.parametrize("angle", [0.0, 0.5, -2.8])
def test_the_mean_face_lies_where_the_weights_expect_it(angle: float) -> None:
    """The training data's mean face, however turned and sized, comes to lie as in that data.

    There, eyes are at (92.5, 116) and (162.5, 116) and the mouth at y = 188.5, as an average; a
    face's own proportions move them by a pixel or two, which is all that is lost here.
    """
    points = turned(face(eye_distance=70.14, eye_to_mouth=72.72), angle, 2.3)
    right, left, mouth = in_crop(points, "face")
    assert right == pytest.approx([92.5, 116], abs=1.5)
    assert left == pytest.approx([162.5, 116], abs=1.5)
    assert mouth == pytest.approx([127.5, 188.5], abs=1.5)


def test_ffhq_square_by_hand() -> None:
    """FFHQ's rule: half side 2 eye distances here, centre a tenth of the way to the mouth."""
    right, left, mouth = in_crop(face(eye_distance=80, eye_to_mouth=60), "ffhq")
    scale = 128 / 160
    assert right == pytest.approx([127.5 - 40 * scale, 127.5 - 6 * scale])
    assert left == pytest.approx([127.5 + 40 * scale, 127.5 - 6 * scale])
    assert mouth == pytest.approx([127.5, 127.5 + 54 * scale])


def test_long_face_decides_by_eyes_and_mouth() -> None:
    """With eyes close together, as from the side, the eye-mouth distance sets the side."""
    right, left, _ = in_crop(face(eye_distance=20, eye_to_mouth=100), "ffhq")
    assert left[0] - right[0] == pytest.approx(20 * 128 / 180)


def test_size_keeps_the_same_square() -> None:
    """A crop of another size shows the same square: edges map to edges."""
    small, large = (crop_matrix(face(), "face", size) for size in (256, 1024))
    corners = np.array([[-0.5, -0.5], [255.5, 255.5]])
    in_frame = transform_points(invert_affine(small), corners)
    assert transform_points(large, in_frame) == pytest.approx(
        np.array([[-0.5, -0.5], [1023.5, 1023.5]])
    )


def test_third_coordinate_is_ignored() -> None:
    """Landmarks with depth give the same crop."""
    deep = np.column_stack([face(), np.arange(478)])
    assert np.array_equal(crop_matrix(deep, "face"), crop_matrix(face(), "face"))


@pytest.mark.parametrize("angle", [0.0, 0.4, -3.1])
def test_similarity_parameters_go_round(angle: float) -> None:
    """A crop taken apart and put together again is the same crop."""
    matrix = crop_matrix(turned(face(), angle, 0.8), "face")
    parameters = similarity_parameters(matrix)
    assert matrix_from_similarity(parameters) == pytest.approx(matrix)
    assert parameters[1] == pytest.approx(-angle)


def test_turning_the_crop_turns_about_its_centre() -> None:
    """A change of angle or scale alone leaves the crop's centre on its point of the frame."""
    log_scale, angle, x, y = similarity_parameters(crop_matrix(face(), "face"))
    changed = matrix_from_similarity([log_scale + 0.1, angle + 0.2, x, y])
    assert transform_points(changed, [[x, y]])[0] == pytest.approx([127.5, 127.5])


def test_inverse_undoes() -> None:
    """Points there and back are where they were."""
    matrix = np.array([[1.2, 0.3, 5.0], [-0.4, 0.9, -2.0]])
    there = transform_points(matrix, face())
    assert transform_points(invert_affine(matrix), there) == pytest.approx(face())


def test_what_is_no_face_is_refused() -> None:
    """Landmarks that are not a mesh, not finite or in one place are refused, as is a kind."""
    with pytest.raises(ValueError, match="478"):
        crop_matrix(face()[:68], "face")
    with pytest.raises(ValueError, match="no face"):
        crop_matrix(np.full((478, 2), 3.0), "face")
    with pytest.raises(ValueError, match="no face"):
        crop_matrix(np.full((478, 2), np.nan), "face")
    with pytest.raises(ValueError, match="'dlib' is unknown"):
        crop_matrix(face(), "dlib")


def test_matrices_that_cannot_be_are_refused() -> None:
    """A flat matrix is not inverted, a sheared or mirrored one is no crop."""
    with pytest.raises(ValueError, match="inverted"):
        invert_affine(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="similarity"):
        similarity_parameters([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def test_import_is_light() -> None:
    """Crop and weights can be used by a process that must not load torch or OpenCV."""
    script = "import models.crop, models.weights, sys; print({'torch', 'cv2'} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "set()"
