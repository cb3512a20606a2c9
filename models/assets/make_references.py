"""Makes the built-in reference faces again: adults who do not exist.

    python -m models.assets.make_references --portraits DIR --crops DIR --landmarker TASK --out DIR

Each face is a morph of three AI-generated portraits from faker-js/assets-person-portrait (CC0 1.0):
the shape is the mean of all, broad tones are blended, and every fine structure (an eye, a mouth,
the skin, the hair) comes from one of them alone, so nothing is seen twice. `recipes` is the whole
decision: who, how much, which part from whom, which make-up. The same sources give the same faces.

`--portraits` holds 512 px portraits, `--crops` holds packed 256 px face crops (train-*.npz,
val-*.npz with `offsets`, `bytes`, `source`); only crops of source 3, the same CC0 collection, are
read. Out come `<id>.webp`, `<id>.thumb.webp`, `<id>.json` and `index.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from models.assets import morph
from models.assets.makeup import paint
from models.assets.morph import Array, Face, Landmarker
from models.assets.recipes import RECIPES, Recipe

SIZE_PX = 512
THUMBNAIL_PX = 160
CC0_SOURCE = 3  # of the packed crops: faker-js/assets-person-portrait
SOURCE = "faker-js/assets-person-portrait"
LICENCE = "CC0-1.0"
PORTRAITS = {  # our short name: (file, path in the source repository)
    "ref-01": ("ref-01-f-black-young-braids.jpg", "female/512/97.jpg"),
    "ref-02": ("ref-02-m-black-middle.jpg", "male/512/81.jpg"),
    "ref-04": ("ref-04-m-eastasian-young.jpg", "male/512/12.jpg"),
    "ref-05": ("ref-05-f-eastasian-young.jpg", "female/512/31.jpg"),
    "ref-06": ("ref-06-m-southasian-beard.jpg", "male/512/51.jpg"),
    "ref-07": ("ref-07-f-white-elderly.jpg", "female/512/96.jpg"),
    "ref-08": ("ref-08-m-white-young-beard.jpg", "male/512/32.jpg"),
    "ref-10": ("ref-10-m-arab-middle.jpg", "male/512/23.jpg"),
}
STEADY = [33, 133, 362, 263, 1, 4, 168, 6, 61, 291, 152, 234, 454, 10]  # hardly move by expression


class Sources:
    """Reads the CC0 portraits and crops, by short names such as `ref-04` or `t3:825`.

    `t3:825` is picture 825 of train-003.npz, `v:76` picture 76 of val-000.npz.
    """

    def __init__(self, portraits: Path, crops: Path, landmarker: Landmarker) -> None:
        self._portraits, self._crops, self._landmarker = portraits, crops, landmarker
        self._faces: dict[str, Face] = {}
        self._cards: dict[str, dict[str, str]] = {}

    def __call__(self, name: str) -> Face:
        """Load a face, 512 px or a crop doubled to 512 px, with its landmarks."""
        if name not in self._faces:
            raw = self._portrait(name) if name in PORTRAITS else self._crop(name)
            bgr = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
            if bgr is None:
                raise ValueError(f"{name}: not a picture")
            pixels = bgr[:, :, ::-1].astype(np.float32) / 255
            if pixels.shape[0] < SIZE_PX:
                pixels = np.clip(
                    cv2.resize(pixels, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_LANCZOS4), 0, 1
                )
            self._faces[name] = Face(name, pixels, self.find(pixels))
        return self._faces[name]

    def find(self, pixels: Array) -> Array:
        """Landmarks (478, 2) of the face in a picture."""
        return self._landmarker(pixels)[:, :2]

    def card(self, name: str) -> dict[str, str]:
        """Where a face comes from, for the card of what is made from it."""
        self(name)
        return self._cards[name]

    def made_from(self, recipe: Recipe) -> list[dict[str, Any]]:
        """The sources of a recipe with their shares, for its card."""
        total = sum(recipe.members.values())
        return [
            {**self.card(name), "weight": round(weight / total, 3)}
            for name, weight in recipe.members.items()
        ]

    def _portrait(self, name: str) -> bytes:
        file, path = PORTRAITS[name]
        raw = (self._portraits / file).read_bytes()
        self._note(name, path, raw)
        return raw

    def _crop(self, name: str) -> bytes:
        kind, index = name.split(":")
        shard = "val-000" if kind == "v" else f"train-00{kind[1:]}"
        with np.load(self._crops / f"{shard}.npz") as packed:
            if packed["source"][int(index)] != CC0_SOURCE:
                raise ValueError(
                    f"{name} is not of {SOURCE}: its licence does not allow a built-in face"
                )
            start, stop = packed["offsets"][int(index) : int(index) + 2]
            raw = packed["bytes"][start:stop].tobytes()
        self._note(name, f"{shard}/{index}", raw)
        return raw

    def _note(self, name: str, picture: str, raw: bytes) -> None:
        digest = hashlib.sha256(raw).hexdigest()
        self._cards[name] = {
            "source": SOURCE,
            "picture": picture,
            "sha256": digest,
            "licence": LICENCE,
        }


def frame_host(face: Face, fill: float = 0.64) -> Face:
    """Cut a portrait to an upright square that its face fills to `fill` of the height.

    A crop, whose face fills more already, stays as it is.
    """
    top, chin = face.landmarks[10], face.landmarks[152]
    down = chin - top
    height = float(np.linalg.norm(down))
    if height > fill * SIZE_PX:
        return face
    scale = fill * SIZE_PX / height
    cos, sin = scale * down[1] / height, scale * down[0] / height
    linear = np.array([[cos, -sin], [sin, cos]])
    centre = linear @ ((top + chin) / 2 - 0.06 * down)
    matrix = np.column_stack((linear, SIZE_PX / 2 - centre))
    cut = cv2.warpAffine(
        face.pixels,
        matrix,
        (SIZE_PX, SIZE_PX),
        flags=cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return Face(face.name, np.clip(cut, 0, 1), morph.transform(matrix, face.landmarks))


def compose(recipe: Recipe, load: Sources, framed: Face | None = None) -> tuple[Array, Array]:
    """Morph the members: the picture (H, W, 3), framed as the host is, and landmarks (478, 2)."""
    names = list(recipe.members)
    host = recipe.host
    faces = {n: load(n) for n in names}
    faces[host] = framed or frame_host(faces[host])
    weights = np.array(list(recipe.members.values()))
    weights = dict(zip(names, weights / weights.sum(), strict=True))

    # The mean shape, in the host's place; the host's picture is held at its border.
    aligned = {
        n: morph.transform(
            morph.similarity(f.landmarks[STEADY], faces[host].landmarks[STEADY]), f.landmarks
        )
        for n, f in faces.items()
    }
    shape = np.sum([weights[n] * aligned[n] for n in names], axis=0)
    size = faces[host].pixels.shape[:2]
    border = morph.border_points(size)
    bent = {n: morph.warp(f, shape, size, border if n == host else None) for n, f in faces.items()}

    # One palette, the host's: the neck and ears must go with the face.
    face_mask = inner_face(shape, size, bent[host])
    matched = match_tones(
        {n: cv2.cvtColor(p, cv2.COLOR_RGB2LAB) for n, p in bent.items()}, host, face_mask > 0.9
    )
    owners = owner_masks(recipe, shape, size)
    bands = blend_bands(matched, weights, owners, host, face_mask)
    tones = calm_colours(morph.collapse(bands), shape, recipe.calm)
    return np.clip(cv2.cvtColor(tones, cv2.COLOR_LAB2RGB), 0, 1), shape


def inner_face(shape: Array, size: tuple[int, int], host: Array) -> Array:
    """Where the members are mixed: in the oval, below any hairline, not over the host's hair."""
    brow = shape[[105, 334]].mean(0)
    up = shape[10] - brow
    height = float(np.linalg.norm(up))
    up = up / height
    outline = shape[morph.OVAL]
    outline = outline - np.maximum((outline - brow) @ up - 0.45 * height, 0)[:, None] * up
    centre = shape[[168, 2]].mean(0)
    wide, core = (
        morph.polygon(centre + (outline - centre) * k, size, f) for k, f in ((0.93, 4), (0.72, 8))
    )
    return wide * np.maximum(core, morph.skin_likeness(host, shape))


def match_tones(tones: dict[str, Array], host: str, where: Array) -> dict[str, Array]:
    """Bring every Lab picture to the host's mean and spread inside `where`."""
    mean, spread = tones[host][where].mean(0), tones[host][where].std(0)
    return {
        n: t
        if n == host
        else (t - t[where].mean(0)) * np.clip(spread / t[where].std(0), 0.8, 1.25) + mean
        for n, t in tones.items()
    }


def owner_masks(recipe: Recipe, shape: Array, size: tuple[int, int]) -> dict[str, Array]:
    """Whose fine structure is seen where inside the face; the masks add up to one."""
    eyes = np.clip(
        sum(
            _around(shape[e + b], 1.25, 6, size)
            for e, b in ((morph.RIGHT_EYE, morph.RIGHT_BROW), (morph.LEFT_EYE, morph.LEFT_BROW))
        ),
        0,
        1,
    )
    mouth = _around(shape[morph.LIPS], 1.2, 5, size) * (1 - eyes)
    masks = {n: np.zeros(size, np.float32) for n in recipe.members}
    masks[recipe.skin] += 1 - eyes - mouth
    masks[recipe.eyes] += eyes
    masks[recipe.mouth] += mouth
    return masks


def _around(points: Array, scale: float, feather: float, size: tuple[int, int]) -> Array:
    centre = points.mean(0)
    hull = cv2.convexHull((centre + (points - centre) * scale).astype(np.float32))[:, 0]
    return morph.polygon(hull, size, feather)


MEAN_SHARE = (0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0)  # of each band, fine to coarse: owner 0, mean 1
HOST_SHARE = (0.0, 0.0, 0.0, 0.0, 0.2, 0.6, 0.85)  # broad light and shade are the host's
SHARPEN = (1.4, 1.2)  # the crops were doubled: their two finest bands are weak


def blend_bands(
    tones: dict[str, Array],
    weights: Mapping[str, float],
    owners: Mapping[str, Array],
    host: str,
    face_mask: Array,
) -> list[Array]:
    """Mix the members band by band, and put the host around them."""
    levels = len(MEAN_SHARE) - 1
    inside = morph.gaussian_pyramid(face_mask, levels)
    masks = {n: morph.gaussian_pyramid(m, levels) for n, m in owners.items()}
    pyramids = {n: morph.laplacian_pyramid(t, levels) for n, t in tones.items()}
    bands: list[Array] = []
    for level, (mean_share, host_share) in enumerate(zip(MEAN_SHARE, HOST_SHARE, strict=True)):
        around = pyramids[host][level]
        face = np.zeros_like(around)
        for name, pyramid in pyramids.items():
            share = masks[name][level] * (1 - mean_share) + weights[name] * mean_share
            face += share[..., None] * pyramid[level]
        face += (around - face) * host_share
        if level < len(SHARPEN):
            face[..., 0] *= SHARPEN[level]
        bands.append(around + (face - around) * inside[level][..., None])
    return bands


def calm_colours(tones: Array, shape: Array, amount: float) -> Array:
    """Draw broad patches of colour on the skin toward the face's mean; light and shade stay."""
    size = tones.shape[:2]
    lips = morph.polygon(shape[morph.LIPS], size, 3)
    skin = morph.polygon(shape[morph.OVAL], size, 5) * (1 - lips)
    known = morph.blur(skin, 12)[..., None] + 1e-4  # the lips' red must not run into the skin
    broad = morph.blur(tones[..., 1:] * skin[..., None], 12) / known
    mean = (tones[..., 1:] * skin[..., None]).sum((0, 1)) / skin.sum()
    calm = tones.copy()
    calm[..., 1:] += (mean - broad) * (amount * skin)[..., None]
    return calm


def soften_background(picture: Array, shape: Array, sigma: float = 14.0) -> Array:
    """Blur what lies behind a head with short hair."""
    alpha = morph.matte(picture, shape)
    weight = 1 - alpha[..., None]
    behind = morph.blur(picture * weight, sigma) / (morph.blur(weight, sigma)[..., None] + 1e-4)
    return picture + (behind - picture) * weight


def make(recipe: Recipe, load: Sources, out: Path) -> dict[str, Any]:
    """Write one face and its card; returns the card."""
    picture, shape = compose(recipe, load)
    if recipe.soften_background:
        picture = soften_background(picture, shape)
    picture = paint(picture, shape, recipe.look)
    whole = Image.fromarray(morph.to_bytes(picture))
    encoded = io.BytesIO()
    whole.save(encoded, "WEBP", quality=96, method=6)
    (out / f"{recipe.id}.webp").write_bytes(encoded.getvalue())
    small = whole.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    small.save(out / f"{recipe.id}.thumb.webp", "WEBP", quality=85, method=6)
    shipped = np.asarray(Image.open(encoded).convert("RGB"), np.float32) / 255
    found = load.find(shipped)
    skin, age, gender = recipe.tags.split()
    card = {
        "id": recipe.id,
        "title": recipe.title,
        "tags": {"skin": skin, "age": age, "gender": gender, "makeup": bool(recipe.look)},
        "made_from": load.made_from(recipe),
        "recipe": {
            "how": "mean shape of all; hair and background of the first; fine structure by part",
            "skin": load.card(recipe.skin)["picture"],
            "eyes": load.card(recipe.eyes)["picture"],
            "mouth": load.card(recipe.mouth)["picture"],
            "makeup": [f"{s.shape} #{bytes(s.colour).hex()} {s.cover:g}" for s in recipe.look],
        },
        "landmarks": [[round(float(x), 2), round(float(y), 2)] for x, y in found],
    }
    (out / f"{recipe.id}.json").write_text(json.dumps(card, ensure_ascii=False) + "\n")
    return card


def main() -> None:
    """Make the faces named, or all of them and the index."""
    parser = argparse.ArgumentParser(description="Make the built-in reference faces again.")
    parser.add_argument("--portraits", type=Path, required=True, help="folder of 512 px portraits")
    parser.add_argument("--crops", type=Path, required=True, help="folder of packed crops (.npz)")
    parser.add_argument("--landmarker", type=Path, required=True, help="face_landmarker.task")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("references"))
    parser.add_argument("--only", nargs="*", default=[], metavar="ID")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with Landmarker(options.landmarker) as landmarker:
        load = Sources(options.portraits, options.crops, landmarker)
        for recipe in RECIPES:
            if not options.only or recipe.id in options.only:
                make(recipe, load, options.out)
                print(recipe.id)
    if not options.only:
        (options.out / "index.json").write_text(
            json.dumps([r.id for r in RECIPES], indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
