"""The inference form: the networks prepared once for live editing.

Comes from the plain form of `models.networks` and gives the same pictures; what only training
needs is gone. Equalised gains, the activation's gain and the blocks' 1 / sqrt 2 are folded into
weights and biases, the blurs are depthwise convolutions, gamma and beta come from one convolution
for the whole batch, the constant input is normalised beforehand. Tensors are channels_last, on
CUDA in float16, and an edit is there one captured graph on buffers that are kept.

An `EditNetwork` belongs to the one thread that calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from models.blend import blend_maps
from models.captured import CapturedEdit, Edit
from models.networks import (
    NORM_EPSILON,
    SLOPE,
    SQRT2,
    BiasActivation,
    ConvLayer,
    Decoder,
    Encoder,
    EqualConv2d,
    Generator,
    ModulatedConv2d,
    Resample,
    ResBlock,
    StyledConv,
    StyledResBlock,
)

Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Place:
    """The device and type in which weights and activations live, and what is fast there.

    merges_blurs: a blur and its 3x3 convolution become one 6x6. Four times the arithmetic: on an
    H200 the whole edit then takes 3.0 ms instead of 6.6, because depthwise convolutions keep its
    matrix units idle; on a CPU it takes twice as long.
    """

    device: torch.device
    dtype: torch.dtype
    merges_blurs: bool

    def __call__(self, tensor: Tensor) -> Tensor:
        """The tensor there; maps and kernels channels_last."""
        layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
        return tensor.detach().to(self.device, self.dtype, memory_format=layout)


_TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
_BLUR = torch.outer(_TAPS, _TAPS)


class EditNetwork:
    """The edit's networks on one device, prepared from the plain ones.

    On CUDA `follow` and `replace` run as captured graphs, and what they return is overwritten by
    their next call; elsewhere they are plain calls and return fresh tensors.

    Args:
        encoder, generator: the plain form; they are not changed and may be dropped after.
        device: "cpu", "cuda", "cuda:1", ...
        dtype: of weights and activations; by default float16 on CUDA and float32 elsewhere.
        merges_blurs: see `Place`; by default on CUDA only.
        is_captured: False leaves `follow` and `replace` plain calls on CUDA too, for those who
            capture them together with what is around them.

    Raises: ValueError if encoder and generator are of different networks.
    """

    @torch.inference_mode()
    def __init__(
        self,
        encoder: Encoder,
        generator: Generator,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
        *,
        merges_blurs: bool | None = None,
        is_captured: bool = True,
    ) -> None:
        if encoder.config != generator.config:
            raise ValueError(f"encoder is {encoder.config}, generator is {generator.config}")
        self.config = encoder.config
        self.device = torch.device(device)
        is_cuda = self.device.type == "cuda"
        self._place = Place(
            self.device,
            dtype or (torch.float16 if is_cuda else torch.float32),
            is_cuda if merges_blurs is None else merges_blurs,
        )
        self._encoder = _Encoder(encoder, self._place)
        self._resizer = [
            _Layer(cast(ConvLayer, layer), self._place) for layer in generator.decoder.convs_latent
        ]
        self._synthesis = _Synthesis(generator.decoder, self._place)
        self._follow: Edit = self._edit_by_following
        self._replace: dict[bool, Edit] = {
            hard: partial(self._edit_by_replacing, hard) for hard in (False, True)
        }
        if is_cuda and is_captured:
            self._follow = CapturedEdit(self._follow, self.device)
            self._replace = {h: CapturedEdit(e, self.device) for h, e in self._replace.items()}

    @torch.inference_mode()
    def encode(self, pictures: Tensor) -> Tensor:
        """Picture to stylemap: [B, 3, size, size] in -1..1 => [B, 64, s, s].

        Raises: ValueError if the pictures are of another size than the network's.
        """
        self._check("pictures", pictures, (pictures.shape[0], 3))
        return self._encoder(self._place(pictures))

    @torch.inference_mode()
    def resize(self, stylemap: Tensor) -> list[Tensor]:
        """Stylemap to modulation maps, coarsest first: [B, 64, s, s] => as `Generator.resize`."""
        maps: list[Tensor] = []
        for layer in self._resizer:
            stylemap = layer(stylemap)
            maps.append(stylemap)
        return maps

    @torch.inference_mode()
    def synthesise(self, maps: list[Tensor]) -> Tensor:
        """Modulation maps to pictures [B, 3, size, size], float32, about -1..1, not clipped."""
        return self._synthesis(maps).float()

    @torch.inference_mode()
    def follow(self, pair: Tensor, mask: Tensor) -> Tensor:
        """The `follow` edit: blend a face with itself after the reference was pasted into it.

        Shapes: pair [2, 3, size, size], the live crop and the pasted crop; mask
        [1, 1, size, size]. Both may be of any type and device.
        Ranges: pair -1..1; mask 0..1 with strength already in it.
        Returns: [3, 3, size, size] float32, the network's pictures of the live face, of the blend
        and of the pasted face, not clipped; channels_last, so `permute(0, 2, 3, 1)` is contiguous.
        On CUDA it is overwritten by the next call.
        Raises: ValueError if a shape is another.
        """
        self._check("pair", pair, (2, 3))
        self._check("mask", mask, (1, 1))
        return self._follow(pair, mask)

    @torch.inference_mode()
    def replace(
        self, live: Tensor, reference: list[Tensor], mask: Tensor, *, hard: bool = False
    ) -> Tensor:
        """The paper's edit: put the reference's maps into the live face's, without a warp.

        Shapes: live [1, 3, size, size]; reference, the maps that `resize(encode(picture))` gave
        for one picture, to be kept as long as the reference is in use; mask [1, 1, size, size].
        Ranges: live -1..1; mask 0..1 with strength already in it. `hard` takes cells whole where
        the mask touches them, as published, instead of by the mask's average.
        Returns: [2, 3, size, size] float32, the network's pictures of the live face and of the
        blend; otherwise as `follow`.
        Raises: ValueError if a shape is another.
        """
        self._check("live", live, (1, 3))
        self._check("mask", mask, (1, 1))
        return self._replace[hard](live, mask, *reference)

    def _edit_by_following(self, pair: Tensor, mask: Tensor) -> Tensor:
        maps = self.resize(self._encoder(self._place(pair)))
        live, pasted = [level[:1] for level in maps], [level[1:] for level in maps]
        blended = blend_maps(live, pasted, mask.to(self.device))
        batch = [torch.cat(three) for three in zip(live, blended, pasted, strict=True)]
        return self.synthesise(batch)

    def _edit_by_replacing(
        self, hard: bool, live: Tensor, mask: Tensor, *reference: Tensor
    ) -> Tensor:
        maps = self.resize(self._encoder(self._place(live)))
        blended = blend_maps(maps, list(reference), mask.to(self.device), hard=hard)
        batch = [torch.cat(two) for two in zip(maps, blended, strict=True)]
        return self.synthesise(batch)

    def _check(self, name: str, tensor: Tensor, start: tuple[int, int]) -> None:
        expected = (*start, self.config.size, self.config.size)
        if tensor.shape != expected:
            raise ValueError(f"{name} is {tuple(tensor.shape)}, must be {expected}")


# --- Convolutions --------------------------------------------------------------------------------


class _Conv:
    """One convolution with everything that is constant folded into it."""

    def __init__(
        self,
        weight: Tensor,  # [O, I / groups, k, k]; doubling: [I, O / groups, k, k]
        bias: Tensor | None,  # [O]
        place: Place,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        is_transposed: bool = False,
    ) -> None:
        self.weight = place(weight)
        self.bias = None if bias is None else place(bias)
        self.stride, self.padding, self.groups = stride, padding, groups
        self.is_transposed = is_transposed

    def __call__(self, x: Tensor) -> Tensor:
        weight, bias, stride, padding = self.weight, self.bias, self.stride, self.padding
        if self.is_transposed:
            return F.conv_transpose2d(x, weight, bias, stride, padding, groups=self.groups)
        return F.conv2d(x, weight, bias, stride, padding, groups=self.groups)


def _upsample_bordered(x: Tensor) -> Tensor:
    """`networks.upsample` of a map that came with a border of zeros: [B, C, H + 2, W + 2].

    Bilinear doubling has the same taps, 1/4 and 3/4, but repeats the edge where the network
    wants zeros; the border gives it zeros to repeat and is cut away after.
    """
    x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return x[..., 2:-2, 2:-2]  # [B, C, 2 H, 2 W]


def _steps(weight: Tensor, bias: Tensor | None, resample: Resample, place: Place) -> list[Step]:
    """The steps of `networks.convolve`, bias in the last one; blurs depthwise, or merged."""
    outputs, inputs, kernel, _ = weight.shape
    is_point = kernel == 1
    if resample == "double" and is_point:  # without bias: the border must stay zero
        return [_Conv(weight, None, place, padding=1), _upsample_bordered]
    if resample == "double" and place.merges_blurs:
        merged = _blurred(weight, 4 * _BLUR).transpose(0, 1)
        return [_Conv(merged, bias, place, stride=2, padding=2, is_transposed=True)]
    if resample == "double":
        blur = (4 * _BLUR).expand(outputs, 1, 4, 4)
        return [
            _Conv(weight.transpose(0, 1), None, place, stride=2, is_transposed=True),
            _Conv(blur, bias, place, padding=1, groups=outputs),
        ]
    if resample == "halve" and place.merges_blurs:
        merged = _blurred(weight, _BLUR)
        return [_Conv(merged, bias, place, stride=2, padding=1 if is_point else 2)]
    if resample == "halve":
        blur = _BLUR.expand(inputs, 1, 4, 4)
        if is_point:
            return [
                _Conv(blur, None, place, stride=2, padding=1, groups=inputs),
                _Conv(weight, bias, place),
            ]
        return [
            _Conv(blur, None, place, padding=2, groups=inputs),
            _Conv(weight, bias, place, stride=2),
        ]
    return [_Conv(weight, bias, place, padding=kernel // 2)]


def _blurred(weight: Tensor, blur: Tensor) -> Tensor:
    """One kernel for a blur and the convolution next to it: [O, I, k, k] => [O, I, k + 3, k + 3].

    The blur is symmetric, so it does not matter which of the two comes first.
    """
    outputs, inputs, kernel, _ = weight.shape
    apart = F.pad(weight.reshape(-1, 1, kernel, kernel), (3, 3, 3, 3))
    return F.conv2d(apart, blur[None, None].to(weight)).reshape(outputs, inputs, *[kernel + 3] * 2)


# --- Layers and blocks, as in `models.networks` --------------------------------------------------


class _Layer:
    """A ConvLayer, or what follows the modulation in a StyledConv."""

    def __init__(self, layer: ConvLayer | StyledConv, place: Place, gain: float = 1.0) -> None:
        conv: EqualConv2d | ModulatedConv2d
        if isinstance(layer, StyledConv):
            conv, activation = layer.conv, layer.activate
            weight = conv.weight[0]
        else:
            (conv,) = (part for part in layer if isinstance(part, EqualConv2d))
            activation = next((part for part in layer if isinstance(part, BiasActivation)), None)
            weight = conv.weight
        # The leaky ReLU lets a positive factor through, so its gain can come before it.
        self.is_active = activation is not None
        gain = gain * (SQRT2 if self.is_active else 1.0)
        bias = None if activation is None else activation.bias * gain
        self.steps = _steps(weight * (conv.gain * gain), bias, conv.resample, place)

    def __call__(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        return F.leaky_relu_(x, SLOPE) if self.is_active else x


class _ResBlock:
    """Two convolutions beside a linear skip; 1 / sqrt 2 of their sum is in both branches."""

    def __init__(self, block: ResBlock, place: Place) -> None:
        self.conv1 = _Layer(block.conv1, place)
        self.conv2 = _Layer(block.conv2, place, 1 / SQRT2)
        self.skip = _Layer(block.skip, place, 1 / SQRT2)

    def __call__(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x)).add_(self.skip(x))


class _StyledConv:
    """Modulation, convolution, activation, for an input that is normalised already."""

    def __init__(self, styled: StyledConv, place: Place, gain: float = 1.0) -> None:
        gamma, beta = styled.conv.gamma, styled.conv.beta
        weight = torch.cat((gamma.weight * gamma.gain, beta.weight * beta.gain))
        bias = torch.cat((cast(Tensor, gamma.bias), cast(Tensor, beta.bias)))
        self.scale_and_shift = _Conv(weight, bias, place, padding=1)
        self.layer = _Layer(styled, place, gain)

    def __call__(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.scale_and_shift(style).chunk(2, dim=1)
        return self.layer(torch.addcmul(shift, x, scale))


class _StyledResBlock:
    """Two modulated convolutions beside a linear skip, as `_ResBlock`."""

    def __init__(self, block: StyledResBlock, place: Place) -> None:
        self.conv1 = _StyledConv(block.conv1, place)
        self.conv2 = _StyledConv(block.conv2, place, 1 / SQRT2)
        self.skip = _Layer(block.skip, place, 1 / SQRT2)

    def __call__(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        main = self.conv1(_normalise(x), low)
        return self.conv2(_normalise(main), high).add_(self.skip(x))


class _ToRgb:
    """The last modulated convolution, 1x1 to three channels, with the shift put behind it.

    W (gamma x + beta) = W (gamma x) + W beta, and W beta is one 3x3 convolution of the map to
    three channels, where beta itself would be one to all of them.
    """

    def __init__(self, styled: StyledConv, place: Place) -> None:
        gamma, beta = styled.conv.gamma, styled.conv.beta
        weight = styled.conv.weight[0] * (styled.conv.gain * SQRT2)  # [3, C, 1, 1]
        point = weight[..., 0, 0]
        shift = torch.einsum("oc, cikl -> oikl", point, beta.weight * beta.gain)
        bias = point @ cast(Tensor, beta.bias) + styled.activate.bias * SQRT2
        self.scale = _Conv(gamma.weight * gamma.gain, gamma.bias, place, padding=1)
        self.shift = _Conv(shift, bias, place, padding=1)
        self.to_rgb = _Conv(weight, None, place)

    def __call__(self, x: Tensor, style: Tensor) -> Tensor:
        x = self.to_rgb(_normalise(x).mul_(self.scale(style)))
        return F.leaky_relu_(x.add_(self.shift(style)), SLOPE)


class _Encoder:
    def __init__(self, encoder: Encoder, place: Place) -> None:
        blocks = [_ResBlock(cast(ResBlock, block), place) for block in encoder.convs]
        first, last = _Layer(encoder.from_rgb, place), _Layer(encoder.final_conv, place)
        self.steps: list[Step] = [first, *blocks, last]

    def __call__(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        return x


class _Synthesis:
    def __init__(self, decoder: Decoder, place: Place) -> None:
        constant = decoder.input.input
        self.constant = place(F.layer_norm(constant, constant.shape[1:], eps=NORM_EPSILON))
        self.conv1 = _StyledConv(decoder.conv1, place)
        self.blocks = [_StyledResBlock(cast(StyledResBlock, b), place) for b in decoder.convs]
        self.to_rgb = _ToRgb(decoder.to_rgb, place)

    def __call__(self, maps: list[Tensor]) -> Tensor:
        x = self.conv1(self.constant, maps[0])
        for block, low, high in zip(self.blocks, maps[1:-1:2], maps[2::2], strict=True):
            x = block(x, low, high)
        return self.to_rgb(x, maps[-1])


def _normalise(x: Tensor) -> Tensor:
    """Bring each picture's activations to mean 0 and deviation 1 over channels and places."""
    return normalise_by_sums(x) if x.is_cuda else normalise_by_rows(x)


def normalise_by_rows(x: Tensor) -> Tensor:
    """Layer norm, each picture one row of it: the fastest on a CPU."""
    rows = x.permute(0, 2, 3, 1)  # contiguous, as x is channels_last
    return F.layer_norm(rows, rows.shape[1:], eps=NORM_EPSILON).permute(0, 3, 1, 2)


def normalise_by_sums(x: Tensor) -> Tensor:
    """The same from mean and mean square, summed in float32.

    For CUDA, whose layer norm gives each row to one block of threads: with a row a picture, three
    blocks would work and the rest of the device wait.
    """
    places = (1, 2, 3)
    mean = x.mean(places, keepdim=True, dtype=torch.float32)
    norm = torch.linalg.vector_norm(x, dim=places, keepdim=True, dtype=torch.float32)
    variance = norm.square() / x[0].numel() - mean.square()
    scale = torch.rsqrt(variance + NORM_EPSILON)
    return torch.addcmul((-mean * scale).to(x.dtype), x, scale.to(x.dtype))
