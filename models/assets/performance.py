"""What the demo presenter does: head, speech, blinks and gaze over a loop, frame by frame.

Pure arithmetic on the time modulo the loop, so that the last frame leads into the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FPS = 30
FRAMES = 420
LOOP_S = FRAMES / FPS

HEAD = [  # seconds; yaw, pitch, roll in degrees; positive: to the picture's right, down, clockwise
    (0.0, 0, 0, 0), (0.8, 0, 0, 0), (1.9, -6, 1, -1.5), (3.0, -4, -1.5, -1), (4.2, 7, 1.5, 2),
    (5.4, 11, 0, 2.5), (6.4, 9, -1.5, 1.5), (7.6, 0, 2, 0), (8.8, -9, 0, -2), (9.9, -11, 1, -2.5),
    (11.0, -3, -1.5, 0), (12.2, 4, 1.5, 1.5), (13.2, 1, 0, 0.5),
]  # fmt: skip
PHRASES = [  # start in seconds, sounds; a blank is a breath between words
    (0.95, "elo evriuan so mais fu si iu"),
    (5.05, "aim noufa riol porson ful"),
    (9.35, "bat ai kan furn mai hed an fok oldei"),
]
SOUND_S = 0.105
SOUNDS = {  # jaw, lips wide, lips puckered; sounds not named leave a narrow gap
    "a": (0.95, 0.25, 0.0), "e": (0.6, 0.6, 0.0), "i": (0.34, 0.9, 0.0),
    "o": (0.7, 0.0, 0.65), "u": (0.38, 0.0, 0.9),
    "m": (0.0, 0.1, 0.1), "b": (0.0, 0.1, 0.1), "p": (0.0, 0.1, 0.1),
    "f": (0.1, 0.3, 0.0), "v": (0.1, 0.3, 0.0), " ": (0.08, 0.1, 0.0),
}  # fmt: skip
NARROW = (0.24, 0.35, 0.1)
BLINKS_S = (1.5, 4.45, 4.85, 8.2, 11.1, 13.25)
LOOKS = [  # seconds from, to; degrees right, down: away from the camera, as one does in thought
    (4.15, 4.8, -9, 5), (8.25, 8.9, 10, -3), (13.0, 13.35, 0, 6),
]  # fmt: skip
BROWS_S = (1.2, 5.3, 6.9, 10.4, 12.0)


@dataclass(frozen=True, slots=True)
class Pose:
    """One frame. Angles in radians, `sway` and `breath` in pixels, the rest 0..1.

    `gaze` is the eye's own turn in the head (right, down), which holds the camera while the head
    turns away.
    """

    yaw: float
    pitch: float
    roll: float
    sway: tuple[float, float]
    breath: float
    jaw: float
    wide: float
    pucker: float
    brow: float
    lids: float
    gaze: tuple[float, float]


def perform() -> list[Pose]:
    """The whole loop, one pose a frame."""
    time = np.arange(FRAMES) / FPS
    turn = 2 * np.pi * time / LOOP_S
    head = np.radians(_smooth(_eased([(k[0], k[1:]) for k in HEAD], time), 0.16))
    mouth = _smooth(_eased(_speech(), time), 0.032)
    jaw = mouth[:, 0]
    yaw = head[:, 0] + np.radians(0.5 * np.sin(5 * turn) + 0.3 * np.sin(9 * turn + 1))
    pitch = (
        head[:, 1]
        + np.radians(0.5 * np.sin(6 * turn + 2))
        + np.radians(1.3) * _smooth(jaw[:, None], 0.12)[:, 0]
    )
    roll = head[:, 2] + np.radians(0.5 * np.sin(4 * turn))
    away = np.zeros((FRAMES, 2))
    for start, stop, right, down in LOOKS:
        away[(time >= start) & (time < stop)] = np.radians((right, down))
    gaze = _smooth(away, 0.02) - 0.9 * np.column_stack((yaw, pitch))
    lids = np.max([_blink(time, at) for at in BLINKS_S], axis=0)
    brow = np.max([np.exp(-(((time - at) / 0.28) ** 2)) for at in BROWS_S], axis=0)
    sway = np.column_stack((9 * np.sin(turn + 0.6) + 5 * np.sin(3 * turn), 2.5 * np.sin(2 * turn)))
    breath = 1.2 * np.sin(4 * turn)
    columns = np.column_stack((yaw, pitch, roll, sway, breath, mouth, brow, lids, gaze))
    return [
        Pose(a, b, c, (x, y), breathing, open_, wide, pucker, raised, shut, (right, down))
        for a, b, c, x, y, breathing, open_, wide, pucker, raised, shut, right, down in (
            columns.tolist()  # plain floats: numpy's own would make every picture float64
        )
    ]


def _speech() -> list[tuple[float, Sequence[float]]]:
    """Keys of jaw, wide and pucker; the mouth is at rest between the phrases."""
    rest = (0.0, 0.0, 0.0)
    keys: list[tuple[float, Sequence[float]]] = [(0.0, rest)]
    for start, sounds in PHRASES:
        keys.append((start - 0.12, rest))
        for i, sound in enumerate(sounds):
            stress = 0.78 + 0.22 * np.cos(2.1 * i)  # no two syllables are equally loud
            jaw, wide, pucker = SOUNDS.get(sound, NARROW)
            keys.append((start + i * SOUND_S, (jaw * stress, wide, pucker)))
        keys.append((start + len(sounds) * SOUND_S + 0.06, rest))
    return keys


def _eased(keys: Sequence[tuple[float, Sequence[float]]], time: Array) -> Array:
    """Values between the keys (time, values), round the loop, with a soft start and stop."""
    at = np.array([k[0] for k in keys] + [keys[0][0] + LOOP_S])
    values = np.array([k[1] for k in keys] + [keys[0][1]], float)
    i = np.clip(np.searchsorted(at, time, side="right") - 1, 0, len(keys) - 1)
    part = (time - at[i]) / (at[i + 1] - at[i])
    part = (part * part * (3 - 2 * part))[:, None]
    return values[i] + (values[i + 1] - values[i]) * part


def _smooth(track: Array, sigma_s: float) -> Array:
    """A Gaussian over time, round the loop."""
    lag = np.minimum(np.arange(FRAMES), FRAMES - np.arange(FRAMES)) / FPS
    kernel = np.exp(-0.5 * (lag / sigma_s) ** 2)
    spectrum = np.fft.rfft(kernel / kernel.sum())[:, None] * np.fft.rfft(track, axis=0)
    return np.fft.irfft(spectrum, FRAMES, axis=0)


def _blink(time: Array, at: float) -> Array:
    """Down in 80 ms, shut for 100 ms, up in 170 ms."""
    return np.interp(time - at, (0.0, 0.08, 0.18, 0.26, 0.35), (0.0, 1.0, 1.0, 0.35, 0.0))
