"""The aligned crop of a face, and what speaks against taking it.

Limits are generous where live video is: three-quarter views, glasses, beards, side light and open
mouths are wanted. They were set by looking at what they drop among 8,000 faces.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from models.crop import Matrix, crop_matrix, invert_affine, transform_points
from models.training.prepare.outcomes import Limits, Mesh, Pixels, Reason
from models.training.shards import SIDE

# Convention: the person's right is on the picture's left.
_RIGHT_EYE = [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246]
_LEFT_EYE = [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466]
# fmt: off
_LIPS = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185]
_OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]
# fmt: on
_UPPER_SKIN = [151, 9, 168, 6, 118, 347]  # forehead, bridge of the nose, below the eyes
_LOWER_SKIN = [164, 199, 175, 214, 434, 192, 416, 205, 425]  # around the mouth, chin, jaws
_TEMPLES, _FOREHEAD_TO_CHIN = (234, 454), (10, 152)

_LEAST_STRUCTURE = 0.055  # deviation of log brightness; of 2,000 bare mouths the least had 0.063
_BLUISH, _BLUER_THAN_ABOVE = -0.2, -0.2  # log of red over blue; skin has 0.1 to 0.8
_MOST_DISAGREEMENT = 0.035  # of two looks, share of the crop's side: 9 px of 256


def align(pixels: Pixels, to_crop: Matrix) -> Pixels:
    """Cut the crop out of a photo, [256, 256, 3].

    Every pixel of the photo counts by its area: where the crop is smaller than in the photo it is
    sampled as finely as the photo and averaged. Outside of the photo its border is mirrored.
    Shapes: to_crop (2, 3), photo pixels to crop pixels (models.crop).
    """
    px_per_sample = 1.0 / math.hypot(to_crop[0, 0], to_crop[1, 0])
    fineness = max(1, math.ceil(px_per_sample))
    # Only the crop's surroundings: OpenCV warps no picture of more than 32,767 px a side.
    height, width = pixels.shape[:2]
    low, high = _corners(to_crop).min(0), _corners(to_crop).max(0)
    left, top = (int(max(v - 4, 0)) for v in low)
    right, bottom = (math.ceil(v + 5) for v in high)
    part = pixels[top : min(bottom, height), left : min(right, width)]
    matrix = to_crop.copy()
    matrix[:, 2] += to_crop[:, :2] @ (left, top)
    matrix *= fineness
    matrix[:, 2] += (fineness - 1) / 2  # sample centres at whole numbers
    fine = cv2.warpAffine(
        np.ascontiguousarray(part),
        matrix,
        (SIDE * fineness, SIDE * fineness),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    if fineness > 1:
        fine = cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(fine, np.uint8)


def objection_to_place(
    mesh: Mesh, earlier: Mesh, shape: tuple[int, ...], limits: Limits
) -> tuple[Reason, str] | None:
    """What speaks against a face by where it lies, before its crop is cut; None if nothing does.

    Shapes: mesh and earlier [478, 3], the landmarks of two looks, photo pixels; shape
    (height, width, ...) of the photo.
    Returns: the reason and its details.
    """
    try:
        to_crop = crop_matrix(mesh, "face", SIDE)
    except ValueError as error:
        return Reason.IMPLAUSIBLE, str(error)
    side_px = SIDE / math.hypot(to_crop[0, 0], to_crop[1, 0])
    if side_px < limits.least_side_px:
        return Reason.TOO_SMALL, f"its crop has {side_px:.0f} px"
    outside = _share_outside(to_crop, shape)
    if outside > limits.most_outside:
        return Reason.CUT_OFF, f"{outside:.0%} of its crop"
    apart = float(np.linalg.norm(mesh[:, :2] - earlier[:, :2], axis=1).mean()) / side_px
    if apart > _MOST_DISAGREEMENT:
        return Reason.IMPLAUSIBLE, f"two looks are {apart:.1%} of the crop apart"
    turn = turn_of(mesh)
    if turn > limits.most_turn_deg:
        return Reason.TURNED, f"{turn:.0f} degrees"
    if not _is_laid_out_like_a_face(transform_points(to_crop, mesh[:, :2])):
        return Reason.IMPLAUSIBLE, "eyes, nose, mouth and chin are not in order"
    return None


def objection_to_crop(
    crop: Pixels, landmarks: NDArray[np.floating], limits: Limits
) -> tuple[Reason, str] | None:
    """What speaks against a face by how its crop looks; None if nothing does.

    Shapes: crop [256, 256, 3]; landmarks [478, 2], crop pixels.
    """
    covered = _what_is_covered(crop, landmarks)
    if covered is not None:
        return Reason.COVERED, covered
    blur = blur_of(crop, landmarks)
    if blur > limits.most_blur:
        return Reason.BLURRED, f"{blur:.2f}"
    return None


def turn_of(mesh: Mesh) -> float:
    """How far a face looks past the camera, in degrees, 0 to 180: turned, raised or lowered.

    The angle of the normal of the plane through temples, forehead and chin; MediaPipe's depth has
    the scale of its x.
    """
    across = mesh[_TEMPLES[1]].astype(np.float64) - mesh[_TEMPLES[0]]
    down = mesh[_FOREHEAD_TO_CHIN[1]].astype(np.float64) - mesh[_FOREHEAD_TO_CHIN[0]]
    normal = np.cross(across, down)
    length = float(np.linalg.norm(normal))
    return math.degrees(math.acos(normal[2] / length)) if length > 0 else 180.0


def blur_of(crop: Pixels, landmarks: NDArray[np.floating]) -> float:
    """How blurred the face is, 0 (sharp) to 1.

    A sharp picture loses most of its differences between neighbours when it is blurred, a blurred
    one keeps them: the share that is kept, across or down, whichever is more. Contrast and skin
    tone cancel out. Noise reads as sharpness.
    Source: the idea is Crete et al., "The blur effect" (SPIE 6492, 2007); the window of 9 px and
    the restriction to the face are ours.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    face = _inside(landmarks[_OVAL]) > 0
    kept: list[float] = []
    for axis in (0, 1):
        window = (1, 9) if axis == 0 else (9, 1)
        blurred = cv2.blur(grey, window)
        of_face = face[1:] if axis == 0 else face[:, 1:]
        sharp_steps = np.abs(np.diff(grey, axis=axis))[of_face]
        blurred_steps = np.abs(np.diff(blurred, axis=axis))[of_face]
        lost = np.maximum(sharp_steps - blurred_steps, 0).sum()
        kept.append(1.0 - float(lost) / max(float(sharp_steps.sum()), 1e-6))
    return max(kept)


def _what_is_covered(crop: Pixels, landmarks: NDArray[np.floating]) -> str | None:
    """The part that something hides: a mouth or an eye without structure, a bluish lower face.

    Finds masks, hands and things that are smooth or cold in colour; what has folds and a warm
    colour passes. Comparing the patches of a face by colour would find more, and drop dark skin in
    hard light first: not done. Of 8,751 faces 8 go: 5 masks, a pair of dark glasses, one face in
    blue light and one overexposed.
    """
    logs = np.log(cv2.GaussianBlur(crop, (0, 0), 1).astype(np.float32) + 8)
    brightness = logs.mean(2)
    for part, outline, margin_px in (
        ("mouth", _LIPS, 9),
        ("right eye", _RIGHT_EYE, 7),
        ("left eye", _LEFT_EYE, 7),
    ):
        around = cv2.dilate(_inside(landmarks[outline]), np.ones((margin_px, margin_px), np.uint8))
        if (around > 0).any() and brightness[around > 0].std() < _LEAST_STRUCTURE:
            return part
    warmth = logs[..., 0] - logs[..., 2]
    lower, upper = (_median_at(warmth, landmarks[at]) for at in (_LOWER_SKIN, _UPPER_SKIN))
    if lower < _BLUISH and lower - upper < _BLUER_THAN_ABOVE:
        return "lower face"
    return None


def _is_laid_out_like_a_face(landmarks: NDArray[np.float64]) -> bool:
    """Whether, in the crop, the parts are where they can be, and the mesh is not inside out."""
    right, left = landmarks[_RIGHT_EYE].mean(0), landmarks[_LEFT_EYE].mean(0)
    mouth, nose = landmarks[[61, 291]].mean(0), landmarks[1]
    forehead, chin = (landmarks[i] for i in _FOREHEAD_TO_CHIN)
    eyes_y = (right[1] + left[1]) / 2
    unit = SIDE / 256
    return bool(
        10 * unit < left[0] - right[0] < 110 * unit
        and 30 * unit < mouth[1] - eyes_y < 130 * unit
        and eyes_y - 20 * unit < nose[1] < mouth[1] + 20 * unit
        and forehead[1] < eyes_y < mouth[1] < chin[1]
        and abs(left[1] - right[1]) < 40 * unit
    )


def _share_outside(to_crop: Matrix, shape: tuple[int, ...]) -> float:
    """Share of the crop's area that lies outside of the photo."""
    places = (np.arange(64) + 0.5) * SIDE / 64 - 0.5
    grid = np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)
    x, y = transform_points(invert_affine(to_crop), grid).T
    height, width = shape[:2]
    inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    return 1.0 - float(inside.mean())


def _corners(to_crop: Matrix) -> NDArray[np.float64]:
    """The crop's corners in the photo, [4, 2]."""
    low, high = -0.5, SIDE - 0.5
    square = np.array([[low, low], [high, low], [high, high], [low, high]])
    return transform_points(invert_affine(to_crop), square)


def _inside(outline: NDArray[np.floating]) -> NDArray[np.uint8]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round(outline[:, :2]).astype(np.int32)], 1)
    return mask


def _median_at(values: NDArray[np.float32], places: NDArray[np.floating]) -> float:
    x, y = np.clip(np.round(places[:, :2]).astype(int), 0, SIDE - 1).T
    return float(np.median(values[y, x]))
