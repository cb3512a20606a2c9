"""Faces of people who do not exist come out of photos aligned, and only the good ones."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageFilter

from models.crop import crop_matrix, transform_points
from models.training.prepare.alike import SeenFaces
from models.training.prepare.examine import Examiner
from models.training.prepare.outcomes import Dropped, Kept, Reason
from models.training.shards import decode
from tests.unit.models.training.prepare.conftest import known_landmarks, portrait

PRESENTER = Path(__file__).parents[5] / "vcam" / "capture" / "assets" / "presenter.mp4"


def _faces(examiner: Examiner, picture: Image.Image, path: Path) -> list[Kept | Dropped]:
    exif = picture.getexif()
    picture.save(path, exif=exif)
    return examiner.examine(path).faces


def _only(faces: list[Kept | Dropped]) -> Kept:
    (face,) = faces
    assert isinstance(face, Kept), face
    return face


@pytest.mark.parametrize("name", ["mara", "kofi", "hana", "omar"])
def test_landmarks_of_the_crop_are_those_of_the_matrix(
    examiner: Examiner, tmp_path: Path, name: str
) -> None:
    """They lie where crop_matrix takes the portrait's own, and the picture shows the face there."""
    face = _only(_faces(examiner, portrait(name), tmp_path / "a.png"))
    known = known_landmarks(name)
    expected = transform_points(crop_matrix(known, "face"), known)
    assert np.linalg.norm(face.landmarks - expected, axis=1).mean() < 2
    again = examiner._find.meshes_in(decode(face.picture))[0]
    assert np.linalg.norm(face.landmarks - again[:, :2], axis=1).mean() < 3
    eyes = [face.landmarks[eye].mean(0) for eye in ([33, 133, 159, 145], [362, 263, 386, 374])]
    assert np.abs(np.array(eyes) - [(93, 116), (163, 116)]).max() < 14


@pytest.mark.parametrize(("orientation", "stored"), [(6, 1), (3, 2), (5, 3)])
def test_a_turned_or_mirrored_photo_gives_the_same_face(
    examiner: Examiner, tmp_path: Path, orientation: int, stored: int
) -> None:
    """EXIF's orientation is heeded: the face is the one of the upright photo, bit for bit."""
    upright = _only(_faces(examiner, portrait("clara"), tmp_path / "a.png"))
    turn = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.TRANSPOSE)
    photo = portrait("clara").transpose(turn[stored - 1])
    photo.getexif()[0x0112] = orientation
    assert _only(_faces(examiner, photo, tmp_path / "b.png")).picture == upright.picture


def test_two_faces_in_a_photo_are_two(examiner: Examiner, tmp_path: Path) -> None:
    """Each has a crop of its own, the larger one first."""
    photo = Image.new("RGB", (1100, 560), (90, 120, 90))
    photo.paste(portrait("mei"), (20, 20))
    photo.paste(portrait("kofi", 400), (640, 80))
    faces = _faces(examiner, photo, tmp_path / "a.jpg")
    kept = [face for face in faces if isinstance(face, Kept)]
    assert len(kept) == len(faces) == 2
    alone = _only(_faces(examiner, portrait("mei"), tmp_path / "b.png"))
    seen = SeenFaces()
    seen.find_or_add(alone.face_hash, alone.landmarks)
    first, second = kept
    assert seen.find_or_add(first.face_hash, first.landmarks) == 0
    assert seen.find_or_add(second.face_hash, second.landmarks) is None


def test_faces_small_in_a_large_photo_are_found(examiner: Examiner, tmp_path: Path) -> None:
    """A group in a 24-megapixel photo, each face a twelfth of its width, is found whole."""
    photo = Image.new("RGB", (6000, 4000), (150, 140, 120))
    for place, name in enumerate(("nora", "rosa", "pia")):
        photo.paste(portrait(name, 760), (400 + place * 1800, 900 + place * 700))
    faces = _faces(examiner, photo, tmp_path / "a.jpg")
    assert [type(face) for face in faces] == [Kept] * 3


def test_spoilt_faces_are_dropped_with_their_reason(examiner: Examiner, tmp_path: Path) -> None:
    """Small, blurred, cut off, none at all, a damaged file: what is wrong is the answer."""
    small = Image.new("RGB", (640, 480), (100, 100, 100))
    small.paste(portrait("zora", 130), (200, 200))
    spoilt = {
        Reason.TOO_SMALL: small,
        Reason.BLURRED: portrait("vera").filter(ImageFilter.GaussianBlur(6)),
        Reason.CUT_OFF: portrait("nia").crop((0, 0, 300, 512)),
        Reason.NO_FACE: Image.new("RGB", (600, 400), (10, 90, 30)),
    }
    for reason, photo in spoilt.items():
        (face,) = _faces(examiner, photo, tmp_path / "a.png")
        assert isinstance(face, Dropped)
        assert face.reason is reason
        assert (face.thumbnail is None) == (reason is Reason.NO_FACE)
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff no more")
    (face,) = examiner.examine(tmp_path / "b.jpg").faces
    assert isinstance(face, Dropped)
    assert face.reason is Reason.DAMAGED


def test_neighbouring_frames_of_a_video_are_one_face(examiner: Examiner, tmp_path: Path) -> None:
    """The presenter a thirtieth of a second later is seen before, with another expression not."""
    with av.open(str(PRESENTER)) as clip:
        frames = [frame.to_image() for frame in itertools.islice(clip.decode(video=0), 61)]
    seen, found = SeenFaces(), []
    for number in (0, 1, 60):
        face = _only(_faces(examiner, frames[number], tmp_path / "a.png"))
        found.append(seen.find_or_add(face.face_hash, face.landmarks))
    assert found[0] is None
    assert found[1] == 0
