"""The slate: the picture that viewers see when there is no other to show.

In: a state and a reason in words. Out: RGB pixels at the output size. Drawn on the thread of
whoever changes the situation, so that the publisher only ever picks up a finished picture.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vcam.frame.nouns import Pixels
from vcam.publish.gate import SlateText

_PRODUCT = "vcam"
_TOP, _BOTTOM = (30, 36, 46), (17, 20, 26)  # background: a cool grey that darkens downwards
_ACCENT, _BRIGHT, _MUTED = (122, 162, 247), (236, 239, 244), (150, 158, 172)
_WIDEST = 0.84  # of the picture's width
_SMALLEST_PX = 6
_KEPT = 3  # finished slates; a 1280x720 one is 2.8 MB

Font = ImageFont.FreeTypeFont


@dataclass(frozen=True, slots=True)
class _Line:
    """One laid-out line, its size and the space above it in pixels."""

    text: str
    font: Font
    colour: tuple[int, int, int]
    above_px: int
    height_px: int


class Slate:
    """Draws slates of one size and keeps the last few."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._background = _background(width, height)
        self._drawn: dict[SlateText, Pixels] = {}

    def picture(self, text: SlateText) -> Pixels:
        """The slate that says `text`, [H, W, 3]; read-only, and the same array while kept."""
        pixels = self._drawn.pop(text, None)
        if pixels is None:
            pixels = self._draw(text)
        self._drawn[text] = pixels  # the dictionary keeps the most recent last
        while len(self._drawn) > _KEPT:
            del self._drawn[next(iter(self._drawn))]
        return pixels

    def _draw(self, text: SlateText) -> Pixels:
        picture = Image.fromarray(self._background)
        draw = ImageDraw.Draw(picture)
        lines = self._lay_out(_drawable(text.state), _drawable(text.reason))
        y = (self._height - sum(line.above_px + line.height_px for line in lines)) // 2
        for line in lines:
            y += line.above_px
            x = (self._width - line.font.getlength(line.text)) / 2
            draw.text((x, y), line.text, font=line.font, fill=line.colour)
            y += line.height_px
        pixels = np.array(picture)
        pixels.flags.writeable = False
        return pixels

    def _lay_out(self, state: str, reason: str) -> list[_Line]:
        """The lines, in the largest type in which they fit; what never fits is left out."""
        unit_px = min(self._height, self._width * 0.75)
        lines: list[_Line] = []
        for scale in (1.0, 0.85, 0.7, 0.6, 0.5, 0.4):
            lines = [
                *self._block(_PRODUCT, unit_px * scale * 0.05, 1, _ACCENT),
                *self._block(state, unit_px * scale * 0.1, 2, _BRIGHT),
                *self._block(reason, unit_px * scale * 0.05, 4, _MUTED),
            ]
            if self._fits(lines):
                return lines
        del lines[0]  # a stamp: the name goes first, then the reason
        while len(lines) > 1 and not self._fits(lines):
            lines.pop()
        return lines

    def _block(
        self, text: str, size_px: float, most: int, colour: tuple[int, int, int]
    ) -> list[_Line]:
        """One text in one size, on at most so many lines."""
        font = _font(max(_SMALLEST_PX, round(size_px)))
        rows = _wrap(text, font, self._width * _WIDEST, most)
        height_px = sum(font.getmetrics())
        gap_px = height_px // 4
        return [
            _Line(row, font, colour, gap_px if i == 0 else 0, height_px)
            for i, row in enumerate(rows)
        ]

    def _fits(self, lines: list[_Line]) -> bool:
        tall = sum(line.above_px + line.height_px for line in lines)
        wide = max((line.font.getlength(line.text) for line in lines), default=0)
        return tall <= self._height * 0.9 and wide <= self._width * _WIDEST


@cache
def _font(size_px: int) -> Font:
    font = ImageFont.load_default(size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):  # Pillow without FreeType has no sizes
        raise TypeError("Pillow was built without FreeType")
    return font


def _background(width: int, height: int) -> Pixels:
    """A vertical gradient, dithered by a pixel value so that video codecs show no bands."""
    ramp = np.linspace(_TOP, _BOTTOM, height, dtype=np.float32)[:, None, :]
    noise = np.random.default_rng(0).random((height, width, 1), dtype=np.float32)
    return (ramp + noise).astype(np.uint8)


def _wrap(text: str, font: Font, width_px: float, most: int) -> list[str]:
    """Whole words to lines of at most `width_px`; the rest after `most` lines becomes "..."."""
    rows: list[str] = []
    for word in text.split():
        longer = f"{rows[-1]} {word}" if rows else word
        if rows and font.getlength(longer) <= width_px:
            rows[-1] = longer
        else:
            rows.append(word)
    if len(rows) > most:
        rows[most - 1 :] = [" ".join(rows[most - 1 :])]
    return [_cut(row, font, width_px) for row in rows]


def _cut(row: str, font: Font, width_px: float) -> str:
    """The row itself, or as much of it as fits with "..." behind."""
    if font.getlength(row) <= width_px:
        return row
    while row and font.getlength(f"{row}...") > width_px:
        row = row[:-1]
    return f"{row.rstrip()}..."


def _drawable(text: str) -> str:
    """The text in letters that the built-in font has: accents dropped, others as question marks.

    The font is Pillow's own (Aileron), which stops at ASCII; a letter it lacks would be drawn as
    an empty box.
    """
    letters = unicodedata.normalize("NFKD", text)
    return "".join(_drawn(letter) for letter in letters if not unicodedata.combining(letter))


def _drawn(letter: str) -> str:
    """What is drawn for one letter."""
    if not letter.isprintable():
        return " "  # line ends among them
    return letter if letter.isascii() else _LOOKALIKES.get(letter, "?")


_LOOKALIKES = {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "×": "x", "ß": "ss"}
