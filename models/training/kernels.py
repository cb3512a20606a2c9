"""The networks' pointwise functions as kernels of their own for NVIDIA and AMD GPUs, in Triton.

Written out, these functions pass over their tensors a dozen times; that was most of a training
step. Each is one pass here, its gradient one or two. torch.compile makes as good kernels and takes
minutes for it at every start; these are ready in seconds.

All work on channels-last tensors as rows of channels: a picture's place is a row, so [B, C, H, W]
lies as [B H W, C]. A program takes a block of rows with all their channels. What is summed over
rows (gradients of biases, means) is summed for each program first and then by torch, so that a
step is the same each time it is run.

All but `modulate`, which the critic does without, have second derivatives, for its regularisation.
"""

# Triton's kernels take pointers and compile-time numbers that have no Python type, and its own
# annotations call those numbers constexpr; torch's stubs want autograd functions of any arguments.
# pyright: reportMissingParameterType=false, reportArgumentType=false, reportCallIssue=false
# pyright: reportReturnType=false, reportIncompatibleMethodOverride=false

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.networks import NORM_EPSILON, SLOPE, SQRT2

_BLOCK = 2048  # elements a program
_SAMPLE_PARTS = 64  # programs that share a picture where its mean is taken

_GAIN, _SLOPE, _HALF = tl.constexpr(SQRT2), tl.constexpr(SLOPE), tl.constexpr(1 / SQRT2)

# Not compiled anew for sizes that 16 divides and those that it does not: C alone decides.
_SIZES = ("count", "places", "high", "wide", "new_high", "new_wide", "gain")


def _kernel(function: Callable[..., None]) -> Any:  # Triton's types say nothing
    sizes = [name for name in inspect.signature(function).parameters if name in _SIZES]
    return triton.jit(function, do_not_specialize=sizes)


# --- Bias and activation -------------------------------------------------------------------------


@_kernel
def _activate(x, bias, y, count, C: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr):
    channel = tl.arange(0, WIDE)
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = (row < count)[:, None] & (channel < C)[None, :]
    at = row[:, None] * C + channel[None, :]
    value = tl.load(x + at, there, 0.0).to(tl.float32)
    value += tl.load(bias + channel, channel < C, 0.0).to(tl.float32)[None, :]
    value = tl.where(value > 0, value, value * _SLOPE) * _GAIN
    tl.store(y + at, value.to(y.dtype.element_ty), there)


@_kernel
def _activate_back(
    y, dy, dx, dbias, count, C: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr
):
    channel = tl.arange(0, WIDE)
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = (row < count)[:, None] & (channel < C)[None, :]
    at = row[:, None] * C + channel[None, :]
    value = tl.load(y + at, there, 0.0)
    slope = tl.load(dy + at, there, 0.0).to(tl.float32) * _GAIN
    slope = tl.where(value > 0, slope, slope * _SLOPE)  # the activation keeps the sign
    tl.store(dx + at, slope.to(dx.dtype.element_ty), there)
    tl.store(dbias + tl.program_id(0) * C + channel, tl.sum(slope, 0), channel < C)


class _ActivateBiased(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        x = _rows(x)
        y = torch.empty_like(x)
        grid, shape = _blocks(x)
        _activate[grid](x, bias, y, _count(x), **shape)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        (y,) = ctx.saved_tensors
        return _ActivateBack.apply(y, dy)


class _ActivateBack(torch.autograd.Function):
    """The gradient itself; linear in dy, and y only says which slope holds where."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(y)
        return _sloped(y, dy)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, ddx: Tensor, ddbias: Tensor) -> tuple[None, Tensor]:
        (y,) = ctx.saved_tensors
        ddx = ddx + ddbias.to(ddx.dtype).view(-1, 1, 1)
        return None, _sloped(y, ddx)[0]


def _sloped(y: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the input and the bias, where the activation gave y and its gradient is dy."""
    dy = _rows(dy)
    dx = torch.empty_like(y)
    grid, shape = _blocks(y)
    dbias = y.new_empty(grid[0], y.shape[1], dtype=torch.float32)
    _activate_back[grid](y, dy, dx, dbias, _count(y), **shape)
    return dx, dbias.sum(0)


def activate_biased(x: Tensor, bias: Tensor) -> Tensor:
    """Add a bias to each channel, then activate (`networks.activate_biased`)."""
    return _ActivateBiased.apply(x, bias)


# --- Joining two branches ------------------------------------------------------------------------


@_kernel
def _join(main, skip, y, count, ROWS: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = at < count
    total = tl.load(main + at, there, 0.0).to(tl.float32)
    total += tl.load(skip + at, there, 0.0).to(tl.float32)
    tl.store(y + at, (total * _HALF).to(y.dtype.element_ty), there)


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, main: Tensor, skip: Tensor) -> Tensor:
        main, skip = _rows(main), _rows(skip)
        y = torch.empty_like(main)
        grid = (triton.cdiv(main.numel(), _BLOCK),)
        _join[grid](main, skip, y, main.numel(), ROWS=_BLOCK)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        slope = dy * (1 / SQRT2)
        return slope, slope


def join(main: Tensor, skip: Tensor) -> Tensor:
    """Two branches' sum, scaled so that the variance stays (`networks.join`)."""
    return _Join.apply(main, skip)


# --- Normalising and modulating ------------------------------------------------------------------


@triton.jit
def _sums(x, sums, SIZE: tl.constexpr, PART: tl.constexpr, PARTS: tl.constexpr, STEP: tl.constexpr):
    """Sum and sum of squares of a part of one picture."""
    sample, number = tl.program_id(0).to(tl.int64), tl.program_id(1)
    total = tl.zeros((STEP,), tl.float32)
    square = tl.zeros((STEP,), tl.float32)
    for start in range(0, PART, STEP):
        inside = start + tl.arange(0, STEP)
        at = number.to(tl.int64) * PART + inside
        value = tl.load(x + sample * SIZE + at, (inside < PART) & (at < SIZE), 0.0).to(tl.float32)
        total += value
        square += value * value
    to = sums + (sample * PARTS + number) * 2
    tl.store(to, tl.sum(total, 0))
    tl.store(to + 1, tl.sum(square, 0))


@_kernel
def _block_of_sample(places, C: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr):
    """Where programs (block, sample) work: picture, channels, which of them there are, addresses.

    A block is of one picture. Beside x's addresses are those of the scales; shifts lie C beyond.
    """
    sample = tl.program_id(1).to(tl.int64)
    channel = tl.arange(0, WIDE)
    place = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    there = (place < places)[:, None] & (channel < C)[None, :]
    row = sample * places + place
    at = row[:, None] * C + channel[None, :]
    at_style = row[:, None] * (2 * C) + channel[None, :]
    return sample, channel, there, at, at_style


@_kernel
def _normalised(x, moments, sample, at, there):
    """A block of the normalised input, and the factor that scaled it."""
    mean, factor = tl.load(moments + sample * 2), tl.load(moments + sample * 2 + 1)
    return (tl.load(x + at, there, 0.0).to(tl.float32) - mean) * factor, factor


@_kernel
def _biased(style, bias, channel, there, at_style, C: tl.constexpr):
    """A block of scales with their biases; of shifts, where both lie C further."""
    value = tl.load(style + at_style, there, 0.0).to(tl.float32)
    return value + tl.load(bias + channel, channel < C, 0.0).to(tl.float32)[None, :]


@_kernel
def _modulate(
    x, style, bias, moments, y, places, C: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr
):
    sample, channel, there, at, at_style = _block_of_sample(places, C, WIDE, ROWS)
    value, _ = _normalised(x, moments, sample, at, there)
    gamma = _biased(style, bias, channel, there, at_style, C)
    beta = _biased(style, bias + C, channel, there, at_style + C, C)
    tl.store(y + at, (value * gamma + beta).to(y.dtype.element_ty), there)


@_kernel
def _modulate_back_style(
    x, style, bias, moments, dy, dstyle, dbias, sums, places,
    C: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Gradients of scale and shift; sums of the normalised input's gradient, for the next pass."""
    sample, channel, there, at, at_style = _block_of_sample(places, C, WIDE, ROWS)
    program = sample * tl.num_programs(0) + tl.program_id(0)
    value, _ = _normalised(x, moments, sample, at, there)
    slope = tl.load(dy + at, there, 0.0).to(tl.float32)
    gamma = _biased(style, bias, channel, there, at_style, C)
    dgamma = slope * value
    tl.store(dstyle + at_style, dgamma.to(dstyle.dtype.element_ty), there)
    tl.store(dstyle + at_style + C, slope.to(dstyle.dtype.element_ty), there)
    to = dbias + program * (2 * C) + channel
    tl.store(to, tl.sum(tl.where(there, dgamma, 0.0), 0), channel < C)
    tl.store(to + C, tl.sum(tl.where(there, slope, 0.0), 0), channel < C)
    inner = tl.where(there, slope * gamma, 0.0)
    tl.store(sums + program * 2, tl.sum(tl.sum(inner, 0), 0))
    tl.store(sums + program * 2 + 1, tl.sum(tl.sum(inner * value, 0), 0))


@_kernel
def _modulate_back_input(
    x, style, bias, moments, means, dy, dx, places,
    C: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    sample, channel, there, at, at_style = _block_of_sample(places, C, WIDE, ROWS)
    value, factor = _normalised(x, moments, sample, at, there)
    gamma = _biased(style, bias, channel, there, at_style, C)
    inner = tl.load(dy + at, there, 0.0).to(tl.float32) * gamma
    inner -= tl.load(means + sample * 2) + value * tl.load(means + sample * 2 + 1)
    tl.store(dx + at, (inner * factor).to(dx.dtype.element_ty), there)


class _Modulate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, style: Tensor, bias: Tensor) -> Tensor:
        x, style = _rows(x), _rows(style)
        batch, size = len(x), x[0].numel()
        part = triton.cdiv(size, _SAMPLE_PARTS)
        sums = x.new_empty(batch, _SAMPLE_PARTS, 2, dtype=torch.float32)
        _sums[(batch, _SAMPLE_PARTS)](x, sums, SIZE=size, PART=part, PARTS=_SAMPLE_PARTS, STEP=1024)
        mean, square = (sums.sum(1) / size).unbind(1)
        deviation = (square - mean.square()).clamp_min(0) + NORM_EPSILON
        moments = torch.stack((mean, deviation.rsqrt()), 1)
        y = torch.empty_like(x)
        grid, shape, places = _blocks_of_samples(x)
        _modulate[grid](x, style, bias, moments, y, places, **shape)
        ctx.save_for_backward(x, style, bias, moments)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, style, bias, moments = ctx.saved_tensors
        dy = _rows(dy)
        batch, size = len(x), x[0].numel()
        grid, shape, places = _blocks_of_samples(x)
        dstyle, dx = torch.empty_like(style), torch.empty_like(x)
        dbias = x.new_empty(batch * grid[0], style.shape[1], dtype=torch.float32)
        sums = x.new_empty(batch, grid[0], 2, dtype=torch.float32)
        _modulate_back_style[grid](
            x, style, bias, moments, dy, dstyle, dbias, sums, places, **shape
        )
        means = sums.sum(1) / size
        _modulate_back_input[grid](x, style, bias, moments, means, dy, dx, places, **shape)
        return dx, dstyle, dbias.sum(0)


def modulate(x: Tensor, scale_and_shift: Tensor, biases: Tensor) -> Tensor:
    """Normalise each picture, then set scale and shift in each place (`networks.modulate`)."""
    return _Modulate.apply(x, scale_and_shift, biases)


# --- Blurring, halving, doubling -----------------------------------------------------------------


@_kernel
def _blur_down(
    x, y, high, wide, new_high, new_wide, gain, PAD: tl.constexpr, STRIDE: tl.constexpr,
    C: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Filter with [1, 3, 3, 1] along both axes; programs (block of columns, row, sample)."""
    channel = tl.arange(0, WIDE)
    sample, i = tl.program_id(2).to(tl.int64), tl.program_id(1)
    j = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    total = tl.zeros((ROWS, WIDE), tl.float32)
    for a in tl.static_range(4):
        row = i * STRIDE + a - PAD
        for b in tl.static_range(4):
            column = j * STRIDE + b - PAD
            there = (column >= 0) & (column < wide) & (row >= 0) & (row < high)
            at = ((sample * high + row) * wide + column)[:, None] * C + channel[None, :]
            weight = (3.0 if a == 1 or a == 2 else 1.0) * (3.0 if b == 1 or b == 2 else 1.0)
            mask = there[:, None] & (channel < C)[None, :]
            total += weight * tl.load(x + at, mask, 0.0).to(tl.float32)
    to = ((sample * new_high + i) * new_wide + j)[:, None] * C + channel[None, :]
    mask = (j < new_wide)[:, None] & (channel < C)[None, :]
    tl.store(y + to, (total * gain).to(y.dtype.element_ty), mask)


@_kernel
def _blur_up(
    x, y, high, wide, new_high, new_wide, gain,
    C: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Double the sides: of the four taps along an axis, two meet a pixel."""
    channel = tl.arange(0, WIDE)
    sample, u = tl.program_id(2).to(tl.int64), tl.program_id(1)
    v = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    total = tl.zeros((ROWS, WIDE), tl.float32)
    for a in tl.static_range(2):  # the nearer pixel, then the further one
        row = u // 2 + a * (2 * (u % 2) - 1)
        for b in tl.static_range(2):
            column = v // 2 + b * (2 * (v % 2) - 1)
            there = (column >= 0) & (column < wide) & (row >= 0) & (row < high)
            at = ((sample * high + row) * wide + column)[:, None] * C + channel[None, :]
            weight = (1.0 if a == 1 else 3.0) * (1.0 if b == 1 else 3.0)
            mask = there[:, None] & (channel < C)[None, :]
            total += weight * tl.load(x + at, mask, 0.0).to(tl.float32)
    to = ((sample * new_high + u) * new_wide + v)[:, None] * C + channel[None, :]
    mask = (v < new_wide)[:, None] & (channel < C)[None, :]
    tl.store(y + to, (total * gain).to(y.dtype.element_ty), mask)


def _filter(x: Tensor, pad: int, stride: int, gain: float) -> Tensor:
    x = _rows(x)
    batch, channels, high, wide = x.shape
    new_high, new_wide = ((side + 2 * pad - 4) // stride + 1 for side in (high, wide))
    y = _empty(x, batch, channels, new_high, new_wide)
    grid, shape = _blocks_of_columns(y)
    sides = high, wide, new_high, new_wide
    _blur_down[grid](x, y, *sides, gain / 64, PAD=pad, STRIDE=stride, **shape)
    return y


def _double(x: Tensor, gain: float) -> Tensor:
    x = _rows(x)
    batch, channels, high, wide = x.shape
    y = _empty(x, batch, channels, 2 * high, 2 * wide)
    grid, shape = _blocks_of_columns(y)
    _blur_up[grid](x, y, high, wide, 2 * high, 2 * wide, gain / 64, **shape)
    return y


class _Blur(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, pad: int, gain: float) -> Tensor:
        ctx.pad, ctx.gain = pad, gain
        return _filter(x, pad, 1, gain)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None]:
        return _Blur.apply(dy, 3 - ctx.pad, ctx.gain), None, None  # symmetric: its own adjoint


class _Halve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: float) -> Tensor:
        ctx.gain = gain
        return _filter(x, 1, 2, gain)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        return _Double.apply(dy, ctx.gain), None


class _Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: float) -> Tensor:
        ctx.gain = gain
        return _double(x, gain)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        return _Halve.apply(dy, ctx.gain), None


def blur(x: Tensor, pad: int, stride: int = 1, gain: float = 1.0) -> Tensor:
    """Filter with [1, 3, 3, 1] / 8 along both axes, after zero padding (`networks.blur`)."""
    if stride == 1:
        return _Blur.apply(x, pad, gain)
    if (pad, stride) != (1, 2) or x.shape[-1] % 2 or x.shape[-2] % 2:
        raise ValueError(f"a blur with stride {stride} and padding {pad} is not among the kernels")
    return _Halve.apply(x, gain)


def upsample(x: Tensor) -> Tensor:
    """Double the sides (`networks.upsample`)."""
    return _Double.apply(x, 4.0)


KERNELS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function for function in (activate_biased, join, modulate, blur, upsample)
}
"""By the names of what they stand for in `models.networks`."""


# --- Shapes --------------------------------------------------------------------------------------


def _rows(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _empty(like: Tensor, *shape: int) -> Tensor:
    return torch.empty(
        shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )


def _count(x: Tensor) -> int:
    return x.numel() // x.shape[1]


def _rows_a_program(channels: int) -> dict[str, int]:
    wide = triton.next_power_of_2(channels)
    return {"C": channels, "WIDE": wide, "ROWS": max(1, _BLOCK // wide)}


def _blocks(x: Tensor) -> tuple[tuple[int], dict[str, int]]:
    shape = _rows_a_program(x.shape[1])
    return (triton.cdiv(_count(x), shape["ROWS"]),), shape


def _blocks_of_samples(x: Tensor) -> tuple[tuple[int, int], dict[str, int], int]:
    shape, places = _rows_a_program(x.shape[1]), x.shape[2] * x.shape[3]
    return (triton.cdiv(places, shape["ROWS"]), len(x)), shape, places


def _blocks_of_columns(y: Tensor) -> tuple[tuple[int, int, int], dict[str, int]]:
    shape = _rows_a_program(y.shape[1])
    shape["ROWS"] = min(shape["ROWS"], triton.next_power_of_2(y.shape[3]), 32)
    return (triton.cdiv(y.shape[3], shape["ROWS"]), y.shape[2], len(y)), shape
