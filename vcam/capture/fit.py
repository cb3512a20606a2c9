"""The one place where a picture changes its size."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from vcam.frame import Pixels


class Fit:
    """Brings pictures of one size to another, keeping their proportions.

    how: `letterbox` shows the whole picture between black bars, `crop` fills the output and cuts
        what stands over, evenly on both sides.
    Sizes are (width, height). The picture between the bars has an even size and place, so that
    video's half-size colour never mixes picture and bar.

    Enlarges cubically. Reduces by halves (each pixel the mean of four) and then linearly by less
    than two: OpenCV's area mode alone took 19 ms from 1080p to 720p on one core, this takes 2.

    Raises: ValueError if a size is not positive or the output's is not even.
    """

    def __init__(
        self,
        source_wh: tuple[int, int],
        output_wh: tuple[int, int],
        how: Literal["letterbox", "crop"] = "letterbox",
    ) -> None:
        width, height = source_wh
        out_width, out_height = output_wh
        if min(*source_wh, *output_wh) < 1 or out_width % 2 or out_height % 2:
            raise ValueError(f"cannot fit {source_wh} to {output_wh}: sizes positive, output even")
        self._source_wh, self._output_wh = source_wh, output_wh
        x_scale, y_scale = out_width / width, out_height / height
        if 0 <= width - out_width <= 1 and 0 <= height - out_height <= 1:
            # An odd picture at its own size: its last row or column goes, nothing is resampled.
            shown, inner = output_wh, output_wh
        elif how == "crop":
            scale = max(x_scale, y_scale)
            shown = _whole(out_width / scale, width), _whole(out_height / scale, height)
            inner = output_wh
        else:
            scale = min(x_scale, y_scale)
            shown = source_wh
            inner = _whole(width * scale, out_width, 2), _whole(height * scale, out_height, 2)
        self._cut = _centred(shown, source_wh, 1)
        self._place = _centred(inner, output_wh, 2)
        self._between: list[Pixels] = [
            np.empty((h, w, 3), np.uint8) for w, h in _halves(shown, inner)
        ]

    def __call__(self, pixels: Pixels, out: Pixels) -> Pixels:
        """Fit one picture.

        Shapes: pixels [H, W, 3] of the source's size, out [H, W, 3] of the output's.
        Returns: `pixels` itself if the sizes agree (`out` is then left alone), otherwise `out`,
            every pixel of it written.
        Raises: ValueError if a shape is another one.
        """
        _check(pixels, self._source_wh)
        if self._source_wh == self._output_wh:
            return pixels
        _check(out, self._output_wh)
        _blacken_around(out, self._place)
        for larger, smaller in pairwise([pixels[self._cut], *self._between, out[self._place]]):
            _resize(larger, smaller)
        return out


def even_size(width: int, height: int) -> tuple[int, int]:
    """The size that a source's own pictures are published at in lockstep: odd sides lose one."""
    return max(width // 2 * 2, 2), max(height // 2 * 2, 2)


def _check(pixels: Pixels, wh: tuple[int, int]) -> None:
    if pixels.shape != (wh[1], wh[0], 3):
        raise ValueError(f"expected {(wh[1], wh[0], 3)}, not {pixels.shape}")


def _centred(
    inner: tuple[int, int], outer: tuple[int, int], grid: Literal[1, 2]
) -> tuple[slice, slice]:
    """Rows and columns of the middle of a picture, starting at multiples of `grid`."""
    x, y = ((o - i) // 2 // grid * grid for i, o in zip(inner, outer, strict=True))
    return slice(y, y + inner[1]), slice(x, x + inner[0])


def _whole(length: float, limit: int, step: Literal[1, 2] = 1) -> int:
    """The number of pixels nearest to `length`, a multiple of `step`, from `step` to `limit`."""
    return min(max(round(length / step) * step, step), limit)


def _halves(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """The sizes between `start` and `end`: halves, until less than two is left to go."""
    width, height = start
    sizes: list[tuple[int, int]] = []
    while width > 2 * end[0] and height > 2 * end[1]:
        width, height = width // 2, height // 2
        sizes.append((width, height))
    return sizes


def _resize(pixels: Pixels, out: Pixels) -> None:
    """Fill `out`, which may be a part of a larger picture, without allocating."""
    if pixels.shape == out.shape:
        np.copyto(out, pixels)
        return
    height, width = out.shape[:2]
    # Linear by exactly two is the mean of four pixels.
    how = cv2.INTER_CUBIC if width > pixels.shape[1] else cv2.INTER_LINEAR
    cv2.resize(pixels, (width, height), dst=out, interpolation=how)


def _blacken_around(out: Pixels, place: tuple[slice, slice]) -> None:
    """Paint the bars; buffers come round again, so what stood there last must go."""
    rows, columns = place
    out[: rows.start] = 0
    out[rows.stop :] = 0
    out[rows, : columns.start] = 0
    out[rows, columns.stop :] = 0
