"""The networks that are measured, behind one face.

Whatever a network is made of, the measures ask it for the same three things: a picture again, an
edit's pictures, and pictures from noise. Another kind of network needs another adapter here, and
a line in `load_candidate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from models.blend import blend_maps
from models.config import NetworkConfig
from models.inference import EditNetwork
from models.lite.config import LiteConfig
from models.lite.networks import LiteEncoder, LiteGenerator, build_lite
from models.networks import Encoder, Generator, build
from models.weights import Card, load_weights

NOISE_CHANNELS = 64


@dataclass(frozen=True, slots=True, eq=False)
class NetworkEdit:
    """What a network makes of an edit: its pictures of face, blend and paste, and c.

    Pictures are [B, 3, 256, 256], about -1..1. The correction c is what the live edit adds to the
    plain paste: y1 - lerp(y0, yp, weight), or a network's own shortcut to it.
    """

    before: Tensor  # y0
    after: Tensor  # y1
    paste: Tensor  # yp
    correction: Tensor  # c


class Candidate(Protocol):
    """A network under test. Pictures are [B, 3, 256, 256], about -1..1, float32, its device's.

    A weight is the mask times strength, [B, 1, 256, 256], 0..1.
    """

    def reconstruct(self, x: Tensor) -> Tensor:
        """Encode and decode."""
        ...

    def edit(self, x: Tensor, paste: Tensor, weight: Tensor) -> NetworkEdit:
        """A `follow` edit at detail 1, without the composite."""
        ...

    def from_noise(self, z: Tensor) -> Tensor | None:
        """Pictures of standard normal vectors [B, 64]; None from a network that can't."""
        ...

    def run_once(self, pair: Tensor, weight: Tensor) -> object:
        """One live edit of [x, paste] [2, 3, 256, 256]: what the product waits for."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """All that was learned."""
        ...


class StyleMapCandidate:
    """StyleMapGAN in its live form: float16 on CUDA, as the product runs it."""

    def __init__(self, encoder: Encoder, generator: Generator, device: torch.device) -> None:
        self._encoder, self._generator = encoder, generator
        self._dtype = torch.float16 if device.type == "cuda" else torch.float32
        self._network = EditNetwork(encoder, generator, device, self._dtype)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Encode and decode."""
        return self._network.synthesise(self._network.resize(self._network.encode(x)))

    def edit(self, x: Tensor, paste: Tensor, weight: Tensor) -> NetworkEdit:
        """Blend the maps of face and paste, decode all three."""
        maps = self._network.resize(self._network.encode(torch.cat((x, paste))))
        live, pasted = [m[: len(x)] for m in maps], [m[len(x) :] for m in maps]
        three = zip(live, blend_maps(live, pasted, weight), pasted, strict=True)
        before, after, again = self._network.synthesise([torch.cat(m) for m in three]).chunk(3)
        return NetworkEdit(before, after, again, after - torch.lerp(before, again, weight))

    def from_noise(self, z: Tensor) -> Tensor:
        """Pictures by way of the mapping network."""
        stylemap = self._generator.stylemap_from_noise(z.cpu())  # the plain form stayed there
        maps = self._network.resize(stylemap.to(self._network.device, self._dtype))
        return self._network.synthesise(maps)

    def run_once(self, pair: Tensor, weight: Tensor) -> object:
        """One live edit: on CUDA a captured graph."""
        return self._network.follow(pair, weight)

    def parameters(self) -> Iterator[nn.Parameter]:
        """All that was learned."""
        yield from self._encoder.parameters()
        yield from self._generator.parameters()


class LiteCandidate:
    """The small model in its plain form; live it runs on OpenVINO and may be faster."""

    def __init__(
        self, encoder: LiteEncoder, generator: LiteGenerator, device: torch.device
    ) -> None:
        self._encoder, self._generator = encoder.to(device), generator.to(device)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Encode and decode."""
        return self._generator(self._encoder(x)[0])

    def edit(self, x: Tensor, paste: Tensor, weight: Tensor) -> NetworkEdit:
        """The decoder's three pictures, and the corrector's c."""
        features = self._encoder(x), self._encoder(paste)
        before, after, again = self._generator.follow(features[0][0], features[1][0], weight)
        change = self._generator.correct((x, paste), features, weight)
        return NetworkEdit(before, after, again, change)

    def from_noise(self, z: Tensor) -> None:
        """There is no mapping network."""
        return None

    def run_once(self, pair: Tensor, weight: Tensor) -> object:
        """One correction: it needs none of the three pictures."""
        x, paste = pair.split(1)
        features = self._encoder(x), self._encoder(paste)
        return self._generator.correct((x, paste), features, weight)

    def parameters(self) -> Iterator[nn.Parameter]:
        """All that was learned."""
        yield from self._encoder.parameters()
        yield from self._generator.parameters()


def load_candidate(name_or_path: str | Path, device: torch.device) -> tuple[Card, Candidate]:
    """Load weights by name or path.

    Raises: WeightsError if they cannot be used; ValueError if they are for other crops than the
    256 px ones that are measured.
    """
    weights = load_weights(name_or_path)
    config = weights.card.config
    match config:
        case NetworkConfig():
            if config.size != 256:
                raise ValueError(
                    f"The weights '{weights.card.name}' are for crops of {config.size} px; masks, "
                    "warps and pictures here are of 256 px. Choose weights for 256 px."
                )
            return weights.card, StyleMapCandidate(*build(weights), device)
        case LiteConfig():
            return weights.card, LiteCandidate(*build_lite(weights), device)
