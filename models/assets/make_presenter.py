"""Makes the demo presenter again: a person who does not exist, talking in a seamless loop.

    python -m models.assets.make_presenter --portraits DIR --crops DIR --landmarker TASK --out DIR

A still is morphed from three AI-generated portraits (CC0, see `make_references`), and moved: the
landmarks are bent by expressions and turned as points in space, the face is drawn as their mesh of
triangles, eyes and mouth as layers behind its openings. Hair and neck follow by a thin plate that
fades out at the shoulders, before a background that stands still. `performance` says what she does.
Out come `presenter.mp4` and `presenter.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from mediapipe.tasks.python import vision

from models.assets import morph
from models.assets.make_references import LICENCE, Sources, compose
from models.assets.makeup import LEFT, RIGHT, Side
from models.assets.morph import Array, Face, Landmarker, Plate, curve, sample
from models.assets.performance import FPS, FRAMES, Pose, perform
from models.assets.recipes import Recipe
from models.assets.rig import CENTRE, LOWER_INNER, NECK, UPPER_INNER, Rig, turn

WIDTH, HEIGHT = 1280, 720
SIZE = (HEIGHT, WIDTH)
FACE_PX = 345.0  # forehead to chin
# fmt: off
RECIPE = Recipe("presenter", "Demo presenter", "dark young f",
                {"ref-01": 34, "t1:1220": 33, "t3:735": 33},
                skin="t3:735", eyes="t3:735", mouth="t3:735")
# fmt: on
STILL_BELOW_PX = (430.0, 640.0)  # hair moves with the head above, not at all below
EYEBALL_PX = 24.0
# The dark edge of the panel behind her, beside the hair, passes for hair.
PANEL_EDGE = [(430, 20), (520, 20), (518, 84), (496, 104), (478, 134), (465, 178), (430, 178)]
_EDGES = vision.FaceLandmarksConnections.FACE_LANDMARKS_TESSELATION
TRIANGLES = np.array([edge.start for edge in _EDGES]).reshape(-1, 3)


class Stage:
    """The still cut in layers, and the drawing of one frame."""

    def __init__(self, still: Array, landmarks: Array, smile: Face) -> None:
        self.rig = Rig(landmarks)
        self.still = self._calm_rim(still, landmarks[:, :2])
        self.alpha, self.plate = self._background(landmarks[:, :2])
        self.shut = self._lids()
        self.teeth = self._teeth(smile, landmarks[:, :2])
        self._outer = self._followers()

    def _background(self, landmarks: Array) -> tuple[Array, Array]:
        """What covers the background (H, W), and the background alone, softened (H, W, 3)."""
        alpha = morph.matte(self.still, landmarks, hair_below=0.22)
        alpha *= 1 - morph.polygon(np.array(PANEL_EDGE, float), SIZE, 1.5)
        free = (cv2.dilate(alpha, np.ones((25, 25))) < 0.05).astype(np.float32)
        free[590:, 240:420] = free[660:, :420] = 0  # her sleeve is as white as the wall
        plate = np.zeros_like(self.still)
        for sigma in (240, 80, 30, 10):  # what is hidden is filled from ever nearer surroundings
            weight = morph.blur(free, sigma)[..., None]
            near = morph.blur(self.still * free[..., None], sigma) / np.maximum(weight, 1e-9)
            trust = np.clip(weight * 8, 0, 1) if plate.any() else 1.0
            plate = plate * (1 - trust) + near * trust
        plate = morph.blur(plate, 9)
        rows, cols = np.indices(SIZE, np.float32)
        body = (
            np.clip((rows - 555) / 40, 0, 1)
            * np.clip((cols - 245) / 30, 0, 1)
            * np.clip((1045 - cols) / 30, 0, 1)
        )
        return np.maximum(alpha, body), plate

    @staticmethod
    def _calm_rim(still: Array, landmarks: Array) -> Array:
        """Take the thin bright line off the face's edge: a turn would draw it out to a band."""
        oval = landmarks[morph.OVAL]
        ring = np.zeros(SIZE, np.float32)
        cv2.polylines(ring, [np.round(oval).astype(np.int32)], True, (1.0,), 15)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
        darker = cv2.morphologyEx(still, cv2.MORPH_OPEN, disc)
        return still + (morph.blur(darker, 1) - still) * morph.blur(ring, 2)[..., None]

    def _lids(self) -> Array:
        """The still with lids as they look when shut: skin from above them, lashes along the rim.

        An open lid shows only its glossy rim, which would be drawn out over the whole eye.
        """
        shut = self.still.copy()
        down = np.array([0.0, 1.0])
        for side in (RIGHT, LEFT):
            lines = (curve(self.rig.neutral[side[n], :2]) for n in ("upper", "crease", "hollow"))
            rim, crease, hollow = lines
            lid = self._between(rim + 5 * down, crease, 1.2)
            above = self._between(crease - 3 * down, 0.7 * hollow + 0.3 * crease, 0)
            skin = morph.blur(shut * above, 9) / np.maximum(morph.blur(above, 9)[..., None], 1e-6)
            shut += (skin * 0.93 - shut) * lid
            lashes = self._between(rim - 1.2 * down, rim + 5 * down, 0.6)
            shut += (skin * 0.22 - shut) * lashes * 0.85
        return shut

    @staticmethod
    def _between(line: Array, other: Array, feather: float) -> Array:
        return morph.polygon(np.concatenate((line, other[::-1])), SIZE, feather)[..., None]

    def _teeth(self, smile: Face, landmarks: Array) -> Array:
        """The upper teeth in the still's place: RGB and cover, (H, W, 4)."""
        corners = [78, 308, 13]
        matrix = morph.similarity(smile.landmarks[corners], landmarks[corners])
        mouth = morph.polygon(smile.landmarks[morph.INNER_LIPS], smile.pixels.shape[:2], 1.0)
        bright = smile.pixels @ np.array([0.2, 0.4, 0.4], np.float32)
        cover = mouth * np.clip((bright - 0.34) * 4.5, 0, 1)
        layer = np.dstack((smile.pixels, cover))
        return cv2.warpAffine(layer, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)

    def _followers(self) -> tuple[Array, Array]:
        """Points of hair and neck (N, 3) about the face, and how much each follows the head."""
        face = self.rig.neutral
        oval = face[morph.OVAL]
        outline = oval[:, :2].astype(np.float32)
        points: list[tuple[float, float, float]] = []
        share: list[float] = []
        for y in range(0, HEIGHT + 40, 40):
            for x in range(340, 960, 40):
                away = -cv2.pointPolygonTest(outline, (float(x), float(y)), measureDist=True)
                if away < 26:
                    continue
                near = oval[np.argmin(((outline - (x, y)) ** 2).sum(1))]
                depth = near[2] + (NECK[2] - near[2]) * min(away / 70, 1)
                top, bottom = STILL_BELOW_PX
                part = np.clip((bottom - y) / (bottom - top), 0, 1)
                if y > 540 and not 450 < x < 830:
                    part = 0.0
                points.append((x, y, depth))
                share.append(part * part * (3 - 2 * part))
        return np.array(points), np.array(share)

    def draw(self, pose: Pose) -> Array:
        """One frame (H, W, 3), float 0..1."""
        points = self.rig.express(pose)
        seen = turn(points, pose)
        plate_flow, mesh_flow, inside = self._flows(points, seen, pose)
        skin = self.still + (self.shut - self.still) * min(1.5 * pose.lids, 1.0)
        moved = sample(np.dstack((skin, self.alpha)), plate_flow)
        picture, alpha = moved[..., :3], np.clip(moved[..., 3:], 0, 1)
        picture += (sample(skin, mesh_flow) - picture) * inside
        for side in (RIGHT, LEFT):
            self._draw_eye(picture, seen, side, pose)
        self._draw_mouth(picture, seen, pose)
        return np.clip(self.plate + (picture - self.plate) * alpha, 0, 1)

    def _flows(self, points: Array, seen: Array, pose: Pose) -> tuple[Array, Array, Array]:
        """For every pixel of the frame its place in the still: by the plate, by the mesh (H, W, 2).

        Also how far the mesh counts (H, W, 1): fading in over two pixels at the face's edge.
        """
        outer, share = self._outer
        drift = (turn(outer, pose) - outer[:, :2]) * share[:, None]
        drift[:, 1] += pose.breath * (1 - share)
        at = np.concatenate((seen[morph.OVAL], outer[:, :2] + drift))
        rest = np.concatenate((self.rig.neutral[morph.OVAL, :2], outer[:, :2]))
        plate = Plate(at, rest, 1e-4).over(SIZE, 8)

        # The mesh, far triangles first; those that face away are hidden.
        corners = seen[TRIANGLES]
        edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
        shown = area * np.sign(np.median(area)) > 0
        source = self.rig.neutral[TRIANGLES][..., :2]
        label = np.zeros(SIZE, np.float32)
        fixed = np.round(corners * 16).astype(np.int32)
        for i in np.argsort(-points[TRIANGLES, 2].mean(1)):
            if shown[i]:
                cv2.fillConvexPoly(label, fixed[i], (float(i + 1),), cv2.LINE_8, 4)
        square = np.dstack((corners, np.ones(corners.shape[:2])))
        square[~shown] = np.eye(3)
        maps = np.linalg.solve(square, source)  # (T, 3, 2): x, y, 1 in the frame -> still
        rows, cols = np.nonzero(label)
        chosen = maps[label[rows, cols].astype(int) - 1]
        here = np.column_stack((cols, rows, np.ones(len(rows))))
        mesh = plate.copy()
        mesh[rows, cols] = np.einsum("nk,nkc->nc", here, chosen)
        drawn = (label > 0).astype(np.uint8)
        rim, _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        whole = cv2.drawContours(np.zeros(SIZE, np.float32), rim, -1, (1.0,), cv2.FILLED)
        inside = np.clip(2 * morph.blur(whole, 1.2) - 1, 0, 1)
        return plate, mesh, inside[..., None]

    def _draw_eye(self, picture: Array, seen: Array, side: Side, pose: Pose) -> None:
        """The eyeball behind the lids, turned by the gaze."""
        upper, lower = curve(seen[side["upper"]]), curve(seen[side["lower"]])
        if float((lower - upper)[:, 1].max()) < 1.0:
            return
        opening = self._between(upper, lower, 0.6)[..., 0]
        iris = range(468, 473) if side is RIGHT else range(473, 478)
        ring = [*side["upper"], *side["lower"], *iris]
        matrix = self._rigid(ring, 4.0, pose)
        rows, cols = np.nonzero(opening)
        place = morph.transform(matrix, np.column_stack((cols, rows)).astype(float))
        centre, rim = self.rig.neutral[iris[0], :2], self.rig.neutral[iris[1:], :2]
        radius = float(np.linalg.norm(rim - centre, axis=1).mean())
        look = np.sin(pose.gaze) * EYEBALL_PX
        reach = np.exp(-((np.linalg.norm(place - centre - look, axis=1) / (1.5 * radius)) ** 4))
        place -= look * reach[:, None]
        colours = sample(self.still, place[:, None])[:, 0]
        cover = opening[rows, cols, None]
        picture[rows, cols] += (colours - picture[rows, cols]) * cover

    def _rigid(self, indices: list[int], deeper: float, pose: Pose) -> Array:
        """The (2, 3) map from the frame to the still of a flat part that turns with the skull."""
        still = self.rig.neutral[indices]
        seen = turn(still + np.array([0.0, 0.0, deeper]), pose)
        flat = np.column_stack((seen, np.ones(len(seen))))
        solved, *_ = np.linalg.lstsq(flat, still[:, :2], rcond=None)
        return solved.T

    def _draw_mouth(self, picture: Array, seen: Array, pose: Pose) -> None:
        """Teeth under the upper lip, and the dark behind them."""
        upper, lower = curve(seen[UPPER_INNER]), curve(seen[LOWER_INNER])
        gap = (lower - upper)[:, 1]
        if float(gap.max()) < 0.8:
            return
        opening = self._between(upper, lower, 0.7)[..., 0]
        rows, cols = np.nonzero(opening)
        matrix = self._rigid([61, 291, 0, 17, 2], 14.0, pose)
        place = morph.transform(matrix, np.column_stack((cols, rows)).astype(float))
        teeth = sample(self.teeth, place[:, None])[:, 0]
        top = np.interp(cols, upper[:, 0], upper[:, 1])
        bottom = np.interp(cols, lower[:, 0], lower[:, 1])
        down, left = rows - top, bottom - rows
        middle = (upper[0, 0] + upper[-1, 0]) / 2
        side = np.abs(cols - middle) / (np.ptp(upper[:, 0]) / 2)
        tongue = np.exp(-((left / 9) ** 2) - (side / 0.55) ** 2)[:, None]
        dark = np.array([0.10, 0.035, 0.035]) + tongue * np.array([0.26, 0.09, 0.085])
        light = (0.45 + 0.4 * np.clip(down / 9, 0, 1)) * (1 - 0.45 * np.clip(side, 0, 1) ** 2)
        colours = dark + (teeth[:, :3] * light[:, None] - dark) * np.clip(teeth[:, 3:], 0, 1)
        cover = opening[rows, cols, None]
        picture[rows, cols] += (colours - picture[rows, cols]) * cover


def frame_portrait(face: Face) -> Face:
    """Put a portrait upright in the frame, and draw its edges out to the frame's."""
    top, chin = face.landmarks[10], face.landmarks[152]
    down = chin - top
    height = float(np.linalg.norm(down))
    sin, cos = FACE_PX / height * down / height
    linear = np.array([[cos, -sin], [sin, cos]])
    matrix = np.column_stack((linear, CENTRE - linear @ (top + chin) / 2))
    cut = cv2.warpAffine(
        face.pixels,
        matrix,
        (WIDTH, HEIGHT),
        flags=cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return Face(face.name, np.clip(cut, 0, 1), morph.transform(matrix, face.landmarks))


def encode(frames: Iterator[Array], path: Path) -> None:
    """Write RGB uint8 frames as H.264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "18", "preset": "slow"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def main() -> None:
    """Make the clip and its card."""
    parser = argparse.ArgumentParser(description="Make the demo presenter again.")
    parser.add_argument("--portraits", type=Path, required=True, help="folder of 512 px portraits")
    parser.add_argument("--crops", type=Path, required=True, help="folder of packed crops (.npz)")
    parser.add_argument("--landmarker", type=Path, required=True, help="face_landmarker.task")
    parser.add_argument("--out", type=Path, required=True, help="folder for the clip and its card")
    parser.add_argument("--frames", type=int, nargs="*", help="write these frames as PNG instead")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with Landmarker(options.landmarker) as landmarker:
        load = Sources(options.portraits, options.crops, landmarker)
        framed = frame_portrait(load(RECIPE.host))
        still, _ = compose(RECIPE, load, framed)
        stage = Stage(still, landmarker(still), frame_portrait(load(RECIPE.host)))
        made_from = load.made_from(RECIPE)
    poses = perform()
    if options.frames:
        for i in options.frames:
            pixels = morph.to_bytes(stage.draw(poses[i % FRAMES]))
            cv2.imwrite(str(options.out / f"presenter-{i:03d}.png"), pixels[:, :, ::-1])
        return
    encode((morph.to_bytes(stage.draw(pose)) for pose in poses), options.out / "presenter.mp4")
    card = {
        "id": "presenter",
        "title": "Demo presenter",
        "made_from": made_from,
        "licence": LICENCE,
        "recipe": "mean shape; face of the third, the rest and the teeth of the first",
        "width": WIDTH, "height": HEIGHT, "fps": FPS, "frames": FRAMES,
    }  # fmt: skip
    (options.out / "presenter.json").write_text(json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    main()
