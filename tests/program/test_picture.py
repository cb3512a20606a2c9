"""The edit as users get it: real landmarks, real weights, on the demo presenter."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.crop import invert_affine
from vcam.capture import open_source
from vcam.config.library import ReferenceLibrary
from vcam.edit import Editor
from vcam.frame import CROP_SIZE, FaceShape, Frame, LayerStyle, Reference, TrackedFace
from vcam.regions import FaceTracker, shape_face

pytestmark = pytest.mark.slow

FRAME_NS = 33_333_333
# The correction's mask grows by 4 px and softens over 12, and reading between pixels adds one.
REACH_PX = 4 + 12 + 1


@pytest.fixture(scope="module")
def editor() -> Editor:
    """The shipped weights on the CPU."""
    return Editor("face256", "cpu")


def reference(name: str) -> Reference:
    """A built-in reference."""
    library = ReferenceLibrary()
    encoded = np.frombuffer(library.picture_path(name).read_bytes(), np.uint8)
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert picture is not None
    picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return Reference(name, picture, np.array(library.landmarks(name), np.float32))


def presenter(scale: float) -> tuple[Frame, TrackedFace]:
    """The presenter speaking, enlarged about the face, and the tracked face."""
    source = open_source("demo", lockstep=True, size=(1280, 720), fps=30)
    tracker = FaceTracker("face")
    frame, face = None, None
    enlarge = np.array([[scale, 0, 640 * (1 - scale)], [0, scale, 330 * (1 - scale)]])
    for seq in range(232):
        pixels = source.read()
        assert pixels is not None
        if seq < 226:
            continue
        large = cv2.warpAffine(pixels, enlarge, (1280, 720), flags=cv2.INTER_CUBIC)
        frame = Frame(large, seq, seq * FRAME_NS)
        face = tracker.track(frame)
    tracker.close()
    assert frame is not None
    assert face is not None
    return frame, face


def in_frame(mask: np.ndarray, face: TrackedFace, shape: tuple[int, ...]) -> np.ndarray:
    """A crop's mask as it lies in the frame."""
    back = invert_affine(face.to_crop)
    return cv2.warpAffine(mask, back, shape[1::-1], flags=cv2.INTER_LINEAR)


def edited(
    editor: Editor, frame: Frame, face: TrackedFace, name: str
) -> tuple[np.ndarray, FaceShape]:
    """The frame with the whole face edited at full strength."""
    layers = [LayerStyle(("face",), reference(name), 1.0, "follow", 0.0, 1.0)]
    shape, out = shape_face(face, layers), frame.pixels.copy()
    editor.edit(frame, face, shape, layers, out)
    return out, shape


@pytest.mark.parametrize("scale", [1.0, 1.8])
def test_off_the_mask_every_bit_is_the_frames_own(editor: Editor, scale: float) -> None:
    """Around the edited face, small or 600 px tall, the camera's pixels are untouched."""
    frame, face = presenter(scale)
    out, shape = edited(editor, frame, face, "leon")
    touched = (out != frame.pixels).any(2)
    reach = cv2.dilate(shape.layers[0].mask, np.ones((2 * REACH_PX + 1,) * 2, np.uint8))
    assert not touched[in_frame(reach, face, out.shape) == 0].any()
    assert touched[in_frame(shape.layers[0].mask, face, out.shape) > 0.9].mean() > 0.95


def test_a_large_face_stays_sharp_and_shows_no_ghost(editor: Editor) -> None:
    """On a face 600 px tall the edit is as sharp as the frame, and the own brows are gone.

    Ghosts would show as the frame's own edges coming through: inside the mask the edit must look
    far more like the warped reference than like the frame.
    """
    frame, face = presenter(1.8)
    assert np.ptp(face.landmarks[:, 1]) > 600
    out, shape = edited(editor, frame, face, "leon")
    inside = in_frame(shape.layers[0].mask, face, out.shape) > 0.98

    def edges(pixels: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine = cv2.GaussianBlur(grey, (0, 0), 1.5) - cv2.GaussianBlur(grey, (0, 0), 6)
        return fine[inside]

    own, styled = edges(frame.pixels), edges(out)
    assert styled.std() > 0.7 * own.std()

    to_crop = face.to_crop.astype(np.float32)
    y, x = np.mgrid[: out.shape[0], : out.shape[1]].astype(np.float32)
    u = to_crop[0, 0] * x + to_crop[0, 1] * y + to_crop[0, 2]
    v = to_crop[1, 0] * x + to_crop[1, 1] * y + to_crop[1, 2]
    warp = shape.layers[0].warp
    cell = CROP_SIZE / warp.shape[0]
    at = cv2.remap(warp, (u + 0.5) / cell - 0.5, (v + 0.5) / cell - 0.5, cv2.INTER_LINEAR)
    pasted = cv2.remap(reference("leon").pixels, at, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    theirs = edges(pasted)
    assert np.corrcoef(styled, theirs)[0, 1] > 0.8
    assert np.corrcoef(styled, theirs)[0, 1] > 2 * abs(np.corrcoef(styled, own)[0, 1])
