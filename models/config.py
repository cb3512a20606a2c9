"""Which member of the StyleMapGAN family a network is; free of torch.

Source: StyleMapGAN (Kim, Choi, Kim, Yoo, Uh, CVPR 2021, arXiv 2104.14754) and its released
checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

STYLE_CHANNELS = 64
"""Channels of every stylemap in the family."""

_WIDE_CHANNELS = {64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}  # times the multiplier
_NARROW_CHANNELS = 512  # at 4 to 32, whatever the multiplier


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """A member of the family, in the four numbers that tell its members apart.

    The released checkpoints are (256, 8, 2, full) and (1024, 16, 2, light); our own weights are
    (256, 16, 1, light).

    Raises: ValueError if no such network can be built.
    """

    size: int  # side of the picture
    stylemap_size: int  # side of the stylemap
    multiplier: int  # widens the channels at 64 and above
    light: bool  # keeps the resizer at 64 channels ("small generator")

    def __post_init__(self) -> None:
        if self.size not in _WIDE_CHANNELS:
            raise ValueError(f"size is {self.size}, must be one of {sorted(_WIDE_CHANNELS)}")
        sides = [4 << k for k in range(9) if 4 << k < self.size]
        if self.stylemap_size not in sides:
            raise ValueError(f"stylemap_size is {self.stylemap_size}, must be one of {sides}")
        if self.multiplier < 1:
            raise ValueError(f"multiplier is {self.multiplier}, must be 1 or more")

    def channels(self, resolution: int) -> int:
        """Channels of encoder, synthesis network and critic where the map is `resolution` wide."""
        wide = _WIDE_CHANNELS.get(resolution)
        return _NARROW_CHANNELS if wide is None else wide * self.multiplier

    def style_channels(self, resolution: int) -> int:
        """Channels of the resizer's maps at that resolution."""
        return STYLE_CHANNELS if self.light else self.channels(resolution)

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Sides from the stylemap's up to the picture's, each twice the one before."""
        doublings = (self.size // self.stylemap_size).bit_length()
        return tuple(self.stylemap_size << k for k in range(doublings))

    @property
    def map_sides(self) -> tuple[int, ...]:
        """Side of each modulation map, in the order in which the synthesis network uses them."""
        return tuple(side for side in self.resolutions for _ in range(2))
