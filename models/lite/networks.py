"""The small model in its plain form: differentiable, any floating type, any device.

After StyleMapGAN (arXiv 2104.14754): encoder, a stylemap of 16x16x64, a resizer that makes a map
for each modulated convolution, a decoder. Made for a processor's caches: the picture enters by
space-to-depth and leaves by depth-to-space, modulation ends at 64x64, and nothing is normalised at
run time, so a change of the picture reaches no further than the receptive field.

Two decoders share the maps. `decoder` paints pictures, as the large model's. `corrector`, where
there is one, gives what the `follow` edit needs in one pass instead of three:
c = y1 - lerp(y0, yp, t m).

Pictures are RGB [B, 3, 256, 256] in -1..1, masks [B, 1, 256, 256] in 0..1, 1 = edit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.blend import blend_maps, mask_at
from models.config import STYLE_CHANNELS
from models.lite.config import STYLEMAP_SIZE, LiteConfig
from models.networks import filled
from models.weights import Weights

__all__ = ["LiteConfig", "LiteEncoder", "LiteGenerator", "build_lite"]

Features = tuple[Tensor, Tensor, Tensor]
"""Of a picture, coarse to fine: stylemap [B, 64, 16, 16], [B, e1, 32, 32], [B, e0, 64, 64]."""


# --- Layers --------------------------------------------------------------------------------------


class Conv(nn.Conv2d):
    """Convolution that keeps the sides, or halves them by its stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, kernel // 2)
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        nn.init.zeros_(self.bias)  # pyright: ignore[reportArgumentType] - there is one


class Residual(nn.Module):
    """x + two convolutions of it; sum, then activation, so that both fuse into the second."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = Conv(channels, channels), Conv(channels, channels)
        nn.init.zeros_(self.second.weight)  # starts as the identity

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class Modulated(nn.Module):
    """Scale and shift in each place by a map, then convolve; `doubles` by depth-to-space."""

    def __init__(self, inputs: int, outputs: int, style: int, *, doubles: bool = False) -> None:
        super().__init__()
        self.gamma, self.beta = Conv(style, inputs, 1), Conv(style, inputs, 1)
        for layer in (self.gamma, self.beta):
            nn.init.normal_(layer.weight, std=0.3 * style**-0.5)
        self.conv, self.doubles = Conv(inputs, outputs * (4 if doubles else 1)), doubles

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        x = F.relu(self.conv(x * (1 + self.gamma(style)) + self.beta(style)))
        return F.pixel_shuffle(x, 2) if self.doubles else x


# --- Networks ------------------------------------------------------------------------------------


class LiteEncoder(nn.Module):
    """Picture to features, the stylemap first."""

    def __init__(self, config: LiteConfig) -> None:
        super().__init__()
        at_64, at_32, at_16 = config.encoder
        self.enter = Conv(3 * 4**2, at_64)
        self.level_64 = Residual(at_64)
        self.down_32, self.level_32 = Conv(at_64, at_32, stride=2), Residual(at_32)
        self.down_16, self.level_16 = Conv(at_32, at_16, stride=2), Residual(at_16)
        self.leave = Conv(at_16, STYLE_CHANNELS)

    def forward(self, x: Tensor) -> Features:
        """Encode pictures."""
        fine = self.level_64(F.relu(self.enter(F.pixel_unshuffle(x, 4))))
        middle = self.level_32(F.relu(self.down_32(fine)))
        coarse = self.level_16(F.relu(self.down_16(middle)))
        return self.leave(coarse), middle, fine


class LiteResizer(nn.Module):
    """Stylemap to modulation maps, coarsest first; `LiteConfig.map_layers` has their shapes."""

    def __init__(self, config: LiteConfig) -> None:
        super().__init__()
        at_16, at_32, at_64 = config.maps
        self.layers = nn.ModuleList(
            (
                Conv(STYLE_CHANNELS, at_16),
                Conv(at_16, at_16),
                Conv(at_16, 4 * at_32, 1),  # depth-to-space
                Conv(at_32, at_32),
                Conv(at_32, 4 * at_64, 1),  # depth-to-space
            )
        )

    def forward(self, stylemap: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            stylemap = F.relu(layer(stylemap))
            if number in (2, 4):
                stylemap = F.pixel_shuffle(stylemap, 2)
            maps.append(stylemap)
        return maps


class _Trunk(nn.Module):
    """What the decoders have in common: five modulated convolutions, then two plain ones.

    extra: channels beside those of the maps, at every level.
    """

    def __init__(self, config: LiteConfig, style: tuple[int, ...], entering: int) -> None:
        super().__init__()
        at_16, at_32, at_64, at_128 = config.decoder
        self.enter = Conv(entering, at_16, 1)
        self.constant = nn.Parameter(torch.randn(1, at_16, STYLEMAP_SIZE, STYLEMAP_SIZE))
        self.blocks = nn.ModuleList(
            (
                Modulated(at_16, at_16, style[0]),
                Modulated(at_16, at_32, style[1], doubles=True),
                Modulated(at_32, at_32, style[2]),
                Modulated(at_32, at_64, style[3], doubles=True),
                Modulated(at_64, at_64, style[4]),
            )
        )
        self.up = Conv(at_64, 4 * at_128)  # depth-to-space
        self.tail = Conv(at_128, at_128)
        self.head = Conv(at_128, 3 * 2**2)  # depth-to-space
        nn.init.normal_(self.head.weight, std=0.1 * (9 * at_128) ** -0.5)


class LiteDecoder(_Trunk):
    """Stylemap and maps to pictures."""

    def __init__(self, config: LiteConfig) -> None:
        super().__init__(config, tuple(c for c, _ in config.map_layers), STYLE_CHANNELS)

    def forward(self, stylemap: Tensor, maps: list[Tensor]) -> Tensor:
        x = self.enter(stylemap) + self.constant
        for block, style in zip(self.blocks, maps, strict=True):
            x = block(x, style)
        x = F.pixel_shuffle(F.relu(self.up(x)), 2)
        return F.pixel_shuffle(self.head(F.relu(self.tail(x))), 2)


class LiteCorrector(_Trunk):
    """The correction of a `follow` edit from the maps of frame and paste.

    At each level it is told the blend, the difference and the mask; besides, both pictures' own
    features where it reaches their sides, for a correction is all about edges.
    """

    def __init__(self, config: LiteConfig) -> None:
        style = tuple(2 * channels + 1 for channels, _ in config.map_layers)
        super().__init__(config, style, 2 * STYLE_CHANNELS + 1)
        # Corrections are small: a start at random ones is unlearnt by switching its units off.
        nn.init.zeros_(self.head.weight)
        fine, middle, _ = config.encoder
        _, at_32, at_64, at_128 = config.decoder
        self.see_32 = Conv(2 * middle + 1, at_32, 1)
        self.see_64 = Conv(2 * fine + 1, at_64, 1)
        self.see_128 = Conv((3 + 3 + 1) * 2**2, at_128, 1)

    def forward(
        self,
        pair: tuple[Tensor, Tensor],
        features: tuple[Features, Features],
        maps: tuple[list[Tensor], list[Tensor]],
        mask: Tensor,
    ) -> Tensor:
        """Frame and paste, their features and maps, t m [B, 1, 256, 256] => [B, 3, 256, 256]."""
        masks = {side: mask_at(mask, side) for side in (16, 32, 64)}
        (own, own_32, own_64), (paste, paste_32, paste_64) = features
        see_32 = self.see_32(torch.cat((own_32, paste_32, masks[32]), 1))
        see_64 = self.see_64(torch.cat((own_64, paste_64, masks[64]), 1))
        see_128 = self.see_128(F.pixel_unshuffle(torch.cat((*pair, mask), 1), 2))

        styles = [_told(a, b, masks[a.shape[-1]]) for a, b in zip(*maps, strict=True)]
        x = self.enter(_told(own, paste, masks[16])) + self.constant
        x = self.blocks[0](x, styles[0])
        x = self.blocks[1](x, styles[1]) + see_32
        x = self.blocks[2](x, styles[2])
        x = self.blocks[3](x, styles[3]) + see_64
        x = self.blocks[4](x, styles[4])
        x = F.pixel_shuffle(F.relu(self.up(x)), 2) + see_128
        return F.pixel_shuffle(self.head(F.relu(self.tail(x))), 2)


def _told(own: Tensor, paste: Tensor, mask: Tensor) -> Tensor:
    """Blend, difference, mask: [B, C, h, h] twice => [B, 2 C + 1, h, h]."""
    difference = paste - own
    return torch.cat((own + mask * difference, difference, mask), 1)


class LiteGenerator(nn.Module):
    """Stylemap to picture, and two faces' features to the correction of an edit."""

    def __init__(self, config: LiteConfig) -> None:
        super().__init__()
        self.config = config
        self.resizer = LiteResizer(config)
        self.decoder = LiteDecoder(config)
        self.corrector = LiteCorrector(config) if config.corrector else None

    def forward(self, stylemap: Tensor) -> Tensor:
        """Decode stylemaps to pictures."""
        return self.decoder(stylemap, self.resizer(stylemap))

    def follow(self, own: Tensor, paste: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (y0, y1, yp) of frame, blend and paste from stylemaps of frame and paste.

        Shapes: own, paste [B, 64, 16, 16]; mask [B, 1, 256, 256] with strength in it.
        """
        mine, theirs = self._maps_of_both(own, paste)
        levels = zip(
            [own, *mine],
            blend_maps([own, *mine], [paste, *theirs], mask),
            [paste, *theirs],
            strict=True,
        )
        stylemap, *maps = [torch.cat(level) for level in levels]
        before, after, pasted = self.decoder(stylemap, maps).split(len(own))
        return before, after, pasted

    def correct(
        self, pair: tuple[Tensor, Tensor], features: tuple[Features, Features], mask: Tensor
    ) -> Tensor:
        """C = y1 - lerp(y0, yp, t m) of an edit, [B, 3, 256, 256].

        Shapes: pair, frame and paste [B, 3, 256, 256]; features, the encoder's of each; mask
        [B, 1, 256, 256] with strength in it.
        """
        if self.corrector is None:
            before, after, pasted = self.follow(features[0][0], features[1][0], mask)
            return after - torch.lerp(before, pasted, mask)
        maps = self._maps_of_both(features[0][0], features[1][0])
        return self.corrector(pair, features, maps, mask)

    def _maps_of_both(self, own: Tensor, paste: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Modulation maps of both stylemaps, made as one batch."""
        count = len(own)
        maps = self.resizer(torch.cat((own, paste)))
        return [m[:count] for m in maps], [m[count:] for m in maps]


# --- Stored weights ------------------------------------------------------------------------------


def build_lite(weights: Weights) -> tuple[LiteEncoder, LiteGenerator]:
    """Make the networks that stored weights are for, in float32 on the CPU, for inference.

    Raises: WeightsError (weights-damaged) if the tensors are not those of the card's network;
    TypeError if the card is of another kind of network.
    """
    config = weights.card.config
    if not isinstance(config, LiteConfig):
        raise TypeError(f"{weights.card.name} is no small model")
    name = weights.card.name
    return (
        filled(LiteEncoder(config), weights.encoder, name),
        filled(LiteGenerator(config), weights.generator, name),
    )
