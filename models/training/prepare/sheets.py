"""Contact sheets: random faces in a grid, to be looked at before anything is trained on them."""

from __future__ import annotations

import io
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

TILE_PX = 112
_COLUMNS, _CAPTION_PX, _MARGIN_PX = 10, 30, 4
_PAPER, _INK = (24, 24, 26), (220, 220, 220)


class RandomFaces:
    """So many of all faces that are offered, each with the same chance; the same ones every time.

    Source: Vitter's algorithm R (ACM TOMS 11, 1985).
    """

    def __init__(self, most: int) -> None:
        self._most, self._offered = most, 0
        self._random = random.Random(0)  # noqa: S311 - no secret
        self.chosen: list[tuple[bytes, str]] = []

    def offer(self, picture: bytes, caption: str) -> None:
        """Offer a picture (WebP) with the text below it."""
        self._offered += 1
        if len(self.chosen) < self._most:
            self.chosen.append((picture, caption))
        elif (place := self._random.randrange(self._offered)) < self._most:
            self.chosen[place] = picture, caption


def write_sheet(path: Path, title: str, faces: list[tuple[bytes, str]]) -> None:
    """Write a PNG of the pictures in a grid, ten a row, captions of two lines below them."""
    rows = max(-(-len(faces) // _COLUMNS), 1)
    pitch_x, pitch_y = TILE_PX + _MARGIN_PX, TILE_PX + _CAPTION_PX + _MARGIN_PX
    heading_px = 24
    sheet = Image.new(
        "RGB", (_COLUMNS * pitch_x + _MARGIN_PX, heading_px + rows * pitch_y + _MARGIN_PX), _PAPER
    )
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN_PX, 4), title, _INK, font=ImageFont.load_default(14))
    small = ImageFont.load_default(10)
    for place, (encoded, caption) in enumerate(faces):
        x = _MARGIN_PX + place % _COLUMNS * pitch_x
        y = heading_px + place // _COLUMNS * pitch_y
        with Image.open(io.BytesIO(encoded), formats=["WEBP"]) as picture:
            sheet.paste(picture.convert("RGB").resize((TILE_PX, TILE_PX)), (x, y))
        lines = [_fitted(line, small) for line in caption.split("\n")]
        draw.multiline_text((x, y + TILE_PX + 2), "\n".join(lines), _INK, font=small, spacing=2)
    sheet.save(path)


def _fitted(line: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """The end of a line is cut off where it would run into the next tile."""
    shown = line.encode("utf-8", "replace").decode()  # names of files may be any bytes
    while shown and font.getlength(shown) > TILE_PX:
        shown = shown[:-1]
    return shown
