"""The StyleMapGAN family in its plain form: differentiable, any floating type, any device.

Pictures are RGB [B, 3, size, size] in -1..1. Training, evaluation and tests use this form; live
editing uses `models.inference`, which is prepared from it. Parameters and buffers are named as in
the released checkpoints, so that those load as they are. Parameters may be wider than the
activations: every layer computes in the type of its input, statistics in float32 at least.

Source: StyleMapGAN (Kim, Choi, Kim, Yoo, Uh, CVPR 2021, arXiv 2104.14754), section 3; layers,
initialisation and critic after StyleGAN2 (Karras et al., CVPR 2020, arXiv 1912.04958).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps
from itertools import pairwise
from typing import Literal, ParamSpec, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from models.config import STYLE_CHANNELS, NetworkConfig
from models.weights import Weights, WeightsError

__all__ = ["Discriminator", "Encoder", "Generator", "NetworkConfig", "build", "filled"]

_P = ParamSpec("_P")
_Network = TypeVar("_Network", bound=nn.Module)

Resample = Literal["keep", "double", "halve"]
"""What a convolution does to the sides of its input."""

SQRT2 = math.sqrt(2.0)
SLOPE = 0.2  # of the leaky ReLU
NORM_EPSILON = 1e-5
MAPPING_LAYERS = 8
MAPPING_LR_MUL = 0.01
STDDEV_GROUP = 4  # pictures that share one minibatch deviation


# --- Functions -----------------------------------------------------------------------------------


def widen(x: Tensor) -> Tensor:
    """Half precision as float32, for statistics; float32 and float64 as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


_kernels: dict[str, Callable[..., Tensor]] = {}


def pointwise(function: Callable[_P, Tensor]) -> Callable[_P, Tensor]:
    """Mark a function that does little arithmetic on many bytes, for `use_kernels`."""

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> Tensor:
        return _kernels.get(function.__name__, function)(*args, **kwargs)

    return call


def use_kernels(kernels: Mapping[str, Callable[..., Tensor]]) -> None:
    """Run pointwise functions as other implementations of theirs from now on, in this process.

    For training on a GPU, where the plain ones take most of the time.
    """
    _kernels.update(kernels)


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU, times the gain that keeps the variance."""
    return F.leaky_relu(x, SLOPE) * SQRT2


@pointwise
def activate_biased(x: Tensor, bias: Tensor) -> Tensor:
    """Add a bias to each channel, then activate."""
    return activate(x + bias.to(x.dtype).view(-1, 1, 1))


@pointwise
def join(main: Tensor, skip: Tensor) -> Tensor:
    """Two branches' sum, scaled so that the variance stays."""
    return (main + skip) / SQRT2


@pointwise
def modulate(x: Tensor, scale_and_shift: Tensor, biases: Tensor) -> Tensor:
    """Normalise each picture's activations, then set scale and shift in each place.

    Shapes: x [B, C, H, W]; scale_and_shift [B, 2 C, H, W], without their biases [2 C].
    """
    wide = widen(x)
    variance, mean = torch.var_mean(wide, dim=(1, 2, 3), correction=0, keepdim=True)
    x = ((wide - mean) * torch.rsqrt(variance + NORM_EPSILON)).to(x.dtype)
    scale, shift = (scale_and_shift + biases.to(x.dtype).view(-1, 1, 1)).chunk(2, dim=1)
    return x * scale + shift


@pointwise
def blur(x: Tensor, pad: int, stride: int = 1, gain: float = 1.0) -> Tensor:
    """Filter with [1, 3, 3, 1] / 8 along both axes, after zero padding."""
    x = F.pad(x, (pad, pad, pad, pad))
    for _ in range(2):  # columns, then rows
        x = x[..., :-3:stride] + 3 * (x[..., 1:-2:stride] + x[..., 2:-1:stride]) + x[..., 3::stride]
        x = x.transpose(-1, -2)
    return x * (gain / 64)


@pointwise
def upsample(x: Tensor) -> Tensor:
    """Double the sides: a zero after each pixel, then `blur` with gain 4 and zeros outside.

    Of the filter's four taps two meet a pixel and two a zero: 1/4 and 3/4, in turn.
    """
    is_channels_last = x.is_contiguous(memory_format=torch.channels_last)
    for _ in range(2):  # columns, then rows
        edged = F.pad(x, (1, 1))
        left, right = edged[..., :-2], edged[..., 2:]
        x = torch.stack((left + 3 * x, 3 * x + right), dim=-1).flatten(-2)  # [B, C, H, 2 W]
        x = x.transpose(-1, -2)
    x = x / 16  # [B, C, 2 H, 2 W]
    return x.contiguous(memory_format=torch.channels_last) if is_channels_last else x


def convolve(x: Tensor, weight: Tensor, resample: Resample = "keep") -> Tensor:
    """Convolution with a 1x1 or 3x3 kernel; doubling and halving low-pass the finer side.

    Shapes: x [B, I, H, W]; weight [O, I, k, k]; returns [B, O, H', W'], type of x.
    """
    is_point = weight.shape[-1] == 1
    weight = weight.to(x.dtype)
    if resample == "double":
        if is_point:
            return upsample(F.conv2d(x, weight))
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)  # [B, O, 2 H + 1, 2 W + 1]
        return blur(x, pad=1, gain=4.0)
    if resample == "halve":
        if is_point:
            return F.conv2d(blur(x, pad=1, stride=2), weight)
        return F.conv2d(blur(x, pad=2), weight, stride=2)
    return F.conv2d(x, weight, padding="same")


# --- Layers --------------------------------------------------------------------------------------


class PixelNorm(nn.Module):
    """Scale each vector to mean square 1."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


class EqualLinear(nn.Module):
    """Linear layer with equalised learning rate: weights are stored with deviation 1 / lr_mul."""

    def __init__(
        self, inputs: int, outputs: int, lr_mul: float = 1.0, *, is_active: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_mul)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.gain = lr_mul / math.sqrt(inputs)
        self.lr_mul = lr_mul
        self.is_active = is_active

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight * self.gain, self.bias * self.lr_mul
        x = F.linear(x, weight.to(x.dtype), bias.to(x.dtype))
        return activate(x) if self.is_active else x


class EqualConv2d(nn.Module):
    """Convolution with equalised learning rate: weights are stored with deviation 1."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        resample: Resample = "keep",
        bias_init: float | None = None,  # None: no bias
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = None if bias_init is None else nn.Parameter(torch.full((outputs,), bias_init))
        self.gain = 1 / math.sqrt(inputs * kernel**2)
        self.resample: Resample = resample

    def forward(self, x: Tensor) -> Tensor:
        x = convolve(x, self.weight * self.gain, self.resample)
        return x if self.bias is None else x + self.bias.to(x.dtype).view(-1, 1, 1)


class BlurKernel(nn.Identity):
    """The checkpoints' copy of the filter; the convolution beside it does the filtering."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("kernel", torch.outer(taps, taps) * (gain / 64))


class BiasActivation(nn.Module):
    """Add a bias to each channel, then activate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return activate_biased(x, self.bias)


class ConvLayer(nn.Sequential):
    """Convolution, bias, activation; the order of its children is the checkpoints'."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        resample: Resample = "keep",
        *,
        is_active: bool = True,  # with bias and activation
    ) -> None:
        conv = EqualConv2d(inputs, outputs, kernel, resample)
        parts: dict[Resample, list[nn.Module]] = {
            "keep": [conv],
            "double": [conv, BlurKernel(gain=4.0)],
            "halve": [BlurKernel(), conv],
        }
        super().__init__(*parts[resample], *([BiasActivation(outputs)] if is_active else []))


class ResBlock(nn.Module):
    """Halve the sides: two convolutions beside a linear skip. Encoder and critic are made of it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = ConvLayer(inputs, inputs, 3)
        self.conv2 = ConvLayer(inputs, outputs, 3, "halve")
        self.skip = ConvLayer(inputs, outputs, 1, "halve", is_active=False)

    def forward(self, x: Tensor) -> Tensor:
        return join(self.conv2(self.conv1(x)), self.skip(x))  # [B, O, H / 2, W / 2]


class ModulatedConv2d(nn.Module):
    """Normalise a picture's activations, set scale and shift in each place, then convolve.

    Source: arXiv 2104.14754, section 3.1, the modulation with gamma and beta. As released, mean
    and deviation are taken over channels and places together, and the convolution follows.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        style_channels: int,
        resample: Resample = "keep",
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, kernel, kernel))
        if resample == "double":
            self.blur = BlurKernel(gain=4.0)
        self.gamma = EqualConv2d(style_channels, inputs, 3, bias_init=1.0)
        self.beta = EqualConv2d(style_channels, inputs, 3, bias_init=0.0)
        self.gain = 1 / math.sqrt(inputs * kernel**2)
        self.resample: Resample = resample

    def forward(self, x: Tensor, style: Tensor) -> Tensor:  # [B, I, H, W], [B, style, H, W]
        x = modulate(x, *self._scale_and_shift(style))
        return convolve(x, self.weight[0] * self.gain, self.resample)

    def _scale_and_shift(self, style: Tensor) -> tuple[Tensor, Tensor]:
        """Gamma and beta [B, I, H, W] by one convolution, without their biases; the biases."""
        gamma, beta = self.gamma, self.beta
        weight = torch.cat((gamma.weight, beta.weight)) * gamma.gain  # the same gain for both
        biases = torch.cat((cast(Tensor, gamma.bias), cast(Tensor, beta.bias)))
        return convolve(style, weight), biases


class StyledConv(nn.Module):
    """Modulated convolution, bias, activation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        style_channels: int,
        resample: Resample = "keep",
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(inputs, outputs, kernel, style_channels, resample)
        self.activate = BiasActivation(outputs)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return self.activate(self.conv(x, style))


class StyledResBlock(nn.Module):
    """Double the sides: two modulated convolutions beside a linear skip."""

    def __init__(self, inputs: int, outputs: int, low_style: int, high_style: int) -> None:
        super().__init__()
        self.conv1 = StyledConv(inputs, outputs, 3, low_style, "double")
        self.conv2 = StyledConv(outputs, outputs, 3, high_style)
        self.skip = ConvLayer(inputs, outputs, 1, "double", is_active=False)

    def forward(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        main = self.conv2(self.conv1(x, low), high)
        return join(main, self.skip(x))  # [B, O, 2 H, 2 W]


class ConstantInput(nn.Module):
    """The learned picture that every synthesis starts from."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, side, side))

    def forward(self, batch: int) -> Tensor:
        return self.input.expand(batch, -1, -1, -1)  # [B, C, s, s]


class Resizer(nn.ModuleList):
    """Stylemap to modulation maps: two layers at each resolution, each one's output a map."""

    def __init__(self, config: NetworkConfig) -> None:
        channels = [config.style_channels(side) for side in config.resolutions]
        layers = [
            ConvLayer(STYLE_CHANNELS, channels[0], 3),
            ConvLayer(channels[0], channels[0], 3),
        ]
        for low, high in pairwise(channels):
            layers += [ConvLayer(low, high, 3, "double"), ConvLayer(high, high, 3)]
        super().__init__(layers)

    def forward(self, stylemap: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        for layer in self:
            stylemap = layer(stylemap)
            maps.append(stylemap)
        return maps


class Decoder(nn.Module):
    """Resizer and synthesis network, together as the checkpoints have them."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sides, width, style = config.resolutions, config.channels, config.style_channels
        self.input = ConstantInput(width(sides[0]), sides[0])
        self.conv1 = StyledConv(width(sides[0]), width(sides[0]), 3, style(sides[0]))
        self.convs = nn.ModuleList(
            StyledResBlock(width(low), width(high), style(low), style(high))
            for low, high in pairwise(sides)
        )
        self.convs_latent = Resizer(config)
        self.to_rgb = StyledConv(width(config.size), 3, 1, style(config.size))

    def forward(self, maps: list[Tensor]) -> Tensor:  # modulation maps => pictures
        x = self.input(maps[0].shape[0]).to(maps[0].dtype)
        x = self.conv1(x, maps[0])
        for block, low, high in zip(self.convs, maps[1:-1:2], maps[2::2], strict=True):
            x = block(x, low, high)
        return self.to_rgb(x, maps[-1])  # no skip sum over resolutions; with activation


# --- Networks ------------------------------------------------------------------------------------


class Encoder(nn.Module):
    """Picture to stylemap.

    Shapes: [B, 3, size, size] => [B, 64, s, s].
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.channels(side) for side in reversed(config.resolutions)]
        self.from_rgb = ConvLayer(3, widths[0], 1)
        self.convs = nn.Sequential(*(ResBlock(wide, deep) for wide, deep in pairwise(widths)))
        self.final_conv = ConvLayer(widths[-1], STYLE_CHANNELS, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Encode pictures."""
        return self.final_conv(self.convs(self.from_rgb(x)))


class Generator(nn.Module):
    """Stylemap, or noise, to picture. Called on a stylemap it gives the picture."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.stylemap_shape = (STYLE_CHANNELS, config.stylemap_size, config.stylemap_size)
        widths = [STYLE_CHANNELS] * MAPPING_LAYERS + [math.prod(self.stylemap_shape)]
        self.mapping_z = nn.Sequential(
            PixelNorm(),
            *(EqualLinear(i, o, MAPPING_LR_MUL, is_active=True) for i, o in pairwise(widths)),
        )
        self.decoder = Decoder(config)

    def stylemap_from_noise(self, z: Tensor) -> Tensor:  # [B, 64] => [B, 64, s, s]
        """Map standard normal vectors to stylemaps (the mapping network)."""
        return self.mapping_z(z).view(-1, *self.stylemap_shape)

    def resize(self, stylemap: Tensor) -> list[Tensor]:
        """Make the modulation map of each layer, coarsest first (the stylemap resizer).

        Shapes: [B, 64, s, s] => two maps a resolution, sides as in `NetworkConfig.map_sides`.
        """
        return self.decoder.convs_latent(stylemap)

    def synthesise(self, maps: list[Tensor]) -> Tensor:
        """Paint the picture that the modulation maps describe (the synthesis network).

        Shapes: as from `resize` => [B, 3, size, size].
        """
        return self.decoder(maps)

    def forward(self, stylemap: Tensor) -> Tensor:
        """Decode stylemaps."""
        return self.synthesise(self.resize(stylemap))


class Discriminator(nn.Module):
    """Picture to one logit, high for real; StyleGAN2's critic.

    Shapes: [B, 3, size, size] => [B, 1]. Each group of up to four pictures is judged together by
    the deviation within it; a batch that four does not divide makes smaller groups.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.channels(config.size >> k) for k in range(config.size.bit_length() - 2)]
        blocks = (ResBlock(wide, deep) for wide, deep in pairwise(widths))
        self.convs = nn.Sequential(ConvLayer(3, widths[0], 1), *blocks)
        self.final_conv = ConvLayer(widths[-1] + 1, 512, 3)
        self.final_linear = nn.Sequential(
            EqualLinear(512 * 4 * 4, 512, is_active=True), EqualLinear(512, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Judge pictures."""
        x = self.convs(x)  # [B, C, 4, 4]

        # Minibatch standard deviation, one number for each group.
        group = math.gcd(x.shape[0], STDDEV_GROUP)
        grouped = widen(x).view(group, -1, *x.shape[1:])  # [g, B / g, C, 4, 4]
        deviation = (grouped.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
        deviation = deviation.repeat(group).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
        x = torch.cat((x, deviation.to(x.dtype)), dim=1)  # [B, C + 1, 4, 4]

        x = self.final_conv(x).flatten(1)
        return self.final_linear(widen(x))


# --- Stored weights ------------------------------------------------------------------------------


def build(weights: Weights) -> tuple[Encoder, Generator]:
    """Make the networks that stored weights are for, in float32 on the CPU, for inference.

    Raises: WeightsError (weights-damaged) if the tensors are not those of the card's network;
    TypeError if the card is of another kind of network.
    """
    config = weights.card.config
    if not isinstance(config, NetworkConfig):
        raise TypeError(f"{weights.card.name} is no StyleMapGAN network")
    name = weights.card.name
    return (
        filled(Encoder(config), weights.encoder, name),
        filled(Generator(config), weights.generator, name),
    )


def filled(network: _Network, arrays: Mapping[str, NDArray[np.generic]], name: str) -> _Network:
    """The network, for inference, with arrays copied into its parameters of the same names.

    Every name and shape must agree.
    Raises: WeightsError (weights-damaged) of weights called `name` if they do not.
    """
    expected = {key: tuple(value.shape) for key, value in network.named_parameters()}
    found = {key: array.shape for key, array in arrays.items()}
    if found != expected:
        odd = sorted(dict(found.items() ^ expected.items()))
        raise WeightsError(
            "weights-damaged",
            f"The weights '{name}' do not fit the network their card names: {odd[0]} and "
            f"{len(odd) - 1} more tensors are missing, unknown or of another shape.",
            "Install the weights again, or export them again with the card of the same training.",
        )
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            parameter.copy_(torch.tensor(arrays[key]))
    return network.eval().requires_grad_(requires_grad=False)
