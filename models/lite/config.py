"""Sizes of a small model; free of torch."""

from __future__ import annotations

from dataclasses import dataclass

from models.config import STYLE_CHANNELS

SIZE = 256
"""Side of the crop that it sees."""

STYLEMAP_SIZE = 16
"""Side of its stylemap, which has 64 channels as the large model's."""

_ENCODER, _DECODER = (64, 32, 16), (16, 32, 64, 128)  # sides


@dataclass(frozen=True, slots=True)
class LiteConfig:
    """Channels at each side, coarse to fine as the data flows.

    Raises: ValueError if the numbers of levels are not those of the one layout there is.
    """

    encoder: tuple[int, ...]  # at 64, 32, 16
    decoder: tuple[int, ...]  # at 16, 32, 64, 128
    maps: tuple[int, ...]  # of the modulation maps at 16, 32, 64
    corrector: bool = True  # gives an edit's correction in one pass; without, three decodes do

    def __post_init__(self) -> None:
        for name, sides in (("encoder", _ENCODER), ("decoder", _DECODER), ("maps", _DECODER[:3])):
            channels = getattr(self, name)
            if len(channels) != len(sides) or min(channels) < 1:
                raise ValueError(f"{name} is {channels}, must be {len(sides)} positive numbers")

    @property
    def map_layers(self) -> tuple[tuple[int, int], ...]:
        """(channels, side) of each modulation map, in the order in which a decoder uses them."""
        at_16, at_32, at_64 = self.maps
        return ((at_16, 16), (at_16, 16), (at_32, 32), (at_32, 32), (at_64, 64))


LITE = LiteConfig(encoder=(48, 80, 128), decoder=(160, 96, 48, 24), maps=(STYLE_CHANNELS, 48, 32))
"""What `face256-lite` is distilled as; `dense128-l` of the study that chose it
(docs/performance.md)."""
