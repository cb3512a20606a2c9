"""Whether a still face stays still: how a network answers noise, and shifts of part of a pixel.

Everything is a ratio of root mean squares. Under noise, 1 means that the output trembles as much
as the input did, less is calmer. Under a shift the output should move along, and only what does
not is counted: 0 is perfect, 1 means that it changed as wrongly as if its texture had stuck to
the screen. Landmarks are held, or move along: their own jitter is the tracker's.

Inputs are [1, C, H, W]: the face in the first three channels, -1..1, and behind it whatever else
the network is told about it (a warped reference, a mask), which moves along with the face.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from models.evaluate.pictures import LEVELS_A_UNIT

NOISE_LEVELS = 2.0
"""Standard deviation of the noise, grey levels of 255."""

SHIFTS_PX = {"quarter": 0.25, "half": 0.5}

_BORDER_PX = 8  # left out: what lies beyond a picture's border is unknown

Network = Callable[[Tensor], Tensor]
"""From inputs to the picture that is seen, [1, 3, H, W]."""


def shake(network: Network, inputs: Tensor, where: Tensor, seed: int = 0) -> dict[str, float]:
    """Every ratio of one network on one face: `noise`, `shift_quarter`, `shift_half`.

    where: [1, 1, H, W], 0..1, what counts.

    Noise is added as a camera adds it: |f(x + n) - f(x)| over |n|. Under a shift T to the right
    by cubic interpolation it is |f(T x) - T f(x)| over |T x - x|, with T on both sides, so that
    what interpolation itself takes away is nearly the same in both.
    """
    still, face = network(inputs), inputs[:, :3]
    draw = torch.Generator().manual_seed(seed)
    noise = torch.randn(face.shape, generator=draw).to(face) * (NOISE_LEVELS / LEVELS_A_UNIT)
    noisy = (face + noise).clamp(-1, 1)
    answer = network(torch.cat((noisy, inputs[:, 3:]), 1))
    ratios = {"noise": _ratio(answer - still, noisy - face, where)}
    for name, px in SHIFTS_PX.items():
        moved = shift(inputs, px)
        wrong = network(moved) - shift(still, px)
        ratios[f"shift_{name}"] = _ratio(wrong, moved[:, :3] - face, where)
    return ratios


def shift(x: Tensor, right_px: float) -> Tensor:
    """Move a picture to the right by part of a pixel, 0..1; its border is held.

    Source: cubic convolution, Keys, IEEE TASSP 29(6), 1981, with a = -1/2, which moves slopes and
    parabolas exactly; torch's own bicubic has a = -3/4 and does not.
    """
    t = right_px
    taps = (
        -0.5 * t + t**2 - 0.5 * t**3,  # of the pixel to the right
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,  # two to the left
    )
    width = x.shape[-1]
    x = F.pad(x, (2, 1, 0, 0), mode="replicate")
    moved = [tap * x[..., 3 - k : 3 - k + width] for k, tap in enumerate(taps)]
    return moved[0] + moved[1] + moved[2] + moved[3]


def _ratio(output: Tensor, source: Tensor, where: Tensor) -> float:
    inner = (..., slice(_BORDER_PX, -_BORDER_PX), slice(_BORDER_PX, -_BORDER_PX))
    change, own = ((x.square() * where)[inner].sum() for x in (output, source))
    return float((change / own.clamp_min(1e-12)).sqrt())
