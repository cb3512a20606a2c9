"""The small model's inference form, on OpenVINO: arrays in, arrays out, without torch.

Its graphs are written down here, from the stored arrays, with OpenVINO's own operations: no
file between, no exchange format. They compute what `models.lite.networks` does; what is constant is
folded, and both pictures go through encoder and resizer as one batch. Compiling takes a tenth of a
second, so nothing is kept on the disk. OpenVINO is kept from phoning home: `_openvino` says how.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.lite.config import SIZE, LiteConfig
from models.weights import Weights, WeightsError

Floats = NDArray[np.float32]

Precision = Literal["f32", "bf16", "f16"]
"""What OpenVINO multiplies in."""

_Node = Any
"""An operation of a graph; OpenVINO's own type is known only once it is loaded."""


class RuntimeMissingError(ImportError):
    """OpenVINO is not installed, or does not load on this system."""


def _openvino() -> ModuleType:
    """OpenVINO, kept from phoning home.

    Its import would send an event to an analytics host and write a folder into the user's home,
    through the package `openvino_telemetry`. With that name taken, OpenVINO's own stub stands in
    for it. Nothing else in vcam imports OpenVINO.
    Raises: RuntimeMissingError.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]
    try:
        import openvino
    except (ImportError, OSError) as error:
        raise RuntimeMissingError(str(error)) from error
    return openvino


class LiteNetwork:
    """The small model on this processor.

    threads: of OpenVINO's. precision: by default OpenVINO's own choice, which is the fastest that
    this processor has units for (forcing bf16 on one that has none makes it three times slower);
    the property of the same name tells what it was.

    Belongs to one thread. What `correct` and `follow` return is overwritten by their next call.
    Arrays that are given again (the same object) are not looked at anew, so a caller that keeps its
    input buffers pays nothing for the hand-over.
    Raises: RuntimeMissingError; WeightsError (weights-damaged) if a tensor is missing or does not
    fit the others; TypeError if the card is of another kind of network.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        threads: int = 2,
        precision: Precision | None = None,
    ) -> None:
        if not isinstance(weights.card.config, LiteConfig):
            raise TypeError(f"{weights.card.name} is no small model")
        self._ov = _openvino()
        self.threads = threads
        self.version = version("openvino")
        self._weights = weights
        self._options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
        }
        if precision is not None:
            self._options["INFERENCE_PRECISION_HINT"] = precision
        self._core = self._ov.Core()
        has_corrector = weights.card.config.corrector
        self._correct = self._compiled(_correction if has_corrector else _correction_of_pictures)
        self._follow: _Call | None = None

    @property
    def precision(self) -> str:
        """What OpenVINO multiplies in here: `bf16`, `f32`, `f16`."""
        return self._correct.precision

    def correct(self, pair: Floats, mask: Floats) -> Floats:
        """The correction c = y1 - lerp(y0, yp, t m) of a `follow` edit, [1, 3, 256, 256].

        Shapes: pair [2, 3, 256, 256], the crop and the crop with the paste, -1..1; mask
        [1, 1, 256, 256], 0..1 with strength in it. All float32 and contiguous.
        Raises: ValueError if an array is otherwise.
        """
        return self._correct(pair, mask)

    def follow(self, pair: Floats, mask: Floats) -> Floats:
        """The pictures [y0, y1, yp] of crop, blend and paste, [3, 3, 256, 256]; as `correct`.

        Compiled at its first call.
        """
        if self._follow is None:
            self._follow = self._compiled(_pictures)
        return self._follow(pair, mask)

    def _compiled(self, write: Callable[[_Graph, _Node, _Node], _Node]) -> _Call:
        graph = _Graph(self._ov, self._weights)
        pair = graph.input((2, 3, SIZE, SIZE))
        mask = graph.input((1, 1, SIZE, SIZE))
        try:
            result = write(graph, pair, mask)
        except (KeyError, RuntimeError) as error:  # OpenVINO's complaints about shapes
            raise WeightsError(
                "weights-damaged",
                f"The tensors of {self._weights.card.name} make no network: {error}.",
                "install vcam again",
            ) from error
        model = self._ov.Model([result], [pair, mask], write.__name__.strip("_"))
        return _Call(self._ov, self._core.compile_model(model, "CPU", self._options))


class _Call:
    """A compiled graph with its input and output memory."""

    def __init__(self, ov: ModuleType, compiled: Any) -> None:  # noqa: ANN401
        self._ov = ov
        self.precision: str = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        self._request = compiled.create_infer_request()
        self._shapes = [tuple(port.shape) for port in compiled.inputs]
        self._given: list[Floats | None] = [None, None]
        self._output: Floats = self._request.get_output_tensor(0).data

    def __call__(self, *inputs: Floats) -> Floats:
        for index, array in enumerate(inputs):
            if array is self._given[index]:
                continue
            if array.shape != self._shapes[index] or array.dtype != np.float32:
                raise ValueError(
                    f"an input is {array.dtype} {array.shape}, must be float32"
                    f" {self._shapes[index]}"
                )
            if not array.flags.c_contiguous:
                raise ValueError("an input is not contiguous")
            self._request.set_input_tensor(index, self._ov.Tensor(array, shared_memory=True))
            self._given[index] = array  # and so the memory stays
        self._request.infer(share_outputs=True)
        return self._output


# --- The graphs ----------------------------------------------------------------------------------


class _Graph:
    """Writes down operations, with weights by their names."""

    def __init__(self, ov: ModuleType, weights: Weights) -> None:
        from openvino import opset15

        self._ov, self.ops = ov, opset15
        self._arrays: dict[str, Mapping[str, NDArray[np.generic]]] = {
            "encoder": weights.encoder,
            "generator": weights.generator,
        }

    def input(self, shape: tuple[int, ...]) -> _Node:
        return self.ops.parameter(list(shape), np.float32)

    def array(self, name: str) -> Floats:
        """A stored tensor, as float32."""
        network, _, rest = name.partition(".")
        return self._arrays[network][rest].astype(np.float32)

    def constant(self, values: Floats) -> _Node:
        return self.ops.constant(np.ascontiguousarray(values, np.float32))

    def conv(self, x: _Node, name: str, *, stride: int = 1, more: float = 0.0) -> _Node:
        """A convolution with its bias, to which `more` is added."""
        weight, bias = self.array(f"{name}.weight"), self.array(f"{name}.bias") + np.float32(more)
        pad = [weight.shape[-1] // 2] * 2
        x = self.ops.convolution(x, self.constant(weight), [stride] * 2, pad, pad, [1, 1])
        return self.add(x, self.constant(bias.reshape(1, -1, 1, 1)))

    def relu(self, x: _Node) -> _Node:
        return self.ops.relu(x)

    def add(self, a: _Node, b: _Node) -> _Node:
        return self.ops.add(a, b)

    def lerp(self, a: _Node, b: _Node, weight: _Node) -> _Node:
        return self.add(a, self.ops.multiply(weight, self.ops.subtract(b, a)))

    def cat(self, *parts: _Node, axis: int = 1) -> _Node:
        return self.ops.concat(list(parts), axis)

    def halves(self, x: _Node) -> list[_Node]:
        """Frame's and paste's: [2, C, h, w] => [1, C, h, w] twice."""
        return list(self.ops.split(x, 0, 2).outputs())

    def shuffle(self, x: _Node) -> _Node:
        """Depth to space by 2, as torch's pixel_shuffle."""
        return self.ops.depth_to_space(x, "depth_first", 2)

    def unshuffle(self, x: _Node, factor: int) -> _Node:
        """Space to depth, as torch's pixel_unshuffle."""
        return self.ops.space_to_depth(x, "depth_first", factor)

    def mask_at(self, mask: _Node, side: int) -> _Node:
        """A crop's mask averaged over the cells of a map."""
        k = [SIZE // side] * 2
        return self.ops.avg_pool(mask, k, [0, 0], [0, 0], k, exclude_pad=False)


def _encoded(graph: _Graph, pictures: _Node) -> tuple[_Node, _Node, _Node]:
    """Pictures to stylemap, features at 32, features at 64: `LiteEncoder`."""

    def residual(x: _Node, name: str) -> _Node:
        inner = graph.relu(graph.conv(x, f"{name}.first"))
        return graph.relu(graph.add(graph.conv(inner, f"{name}.second"), x))

    x = graph.relu(graph.conv(graph.unshuffle(pictures, 4), "encoder.enter"))
    fine = residual(x, "encoder.level_64")
    x = graph.relu(graph.conv(fine, "encoder.down_32", stride=2))
    middle = residual(x, "encoder.level_32")
    x = graph.relu(graph.conv(middle, "encoder.down_16", stride=2))
    coarse = residual(x, "encoder.level_16")
    return graph.conv(coarse, "encoder.leave"), middle, fine


def _maps(graph: _Graph, stylemap: _Node) -> list[_Node]:
    """Stylemap to modulation maps: `LiteResizer`."""
    maps: list[_Node] = []
    for number in range(5):
        stylemap = graph.relu(graph.conv(stylemap, f"generator.resizer.layers.{number}"))
        if number in (2, 4):
            stylemap = graph.shuffle(stylemap)
        maps.append(stylemap)
    return maps


def _modulated(graph: _Graph, x: _Node, style: _Node, name: str, *, doubles: bool) -> _Node:
    """Scale, shift, convolve: `Modulated`; the 1 of 1 + gamma is in gamma's bias."""
    scale = graph.conv(style, f"{name}.gamma", more=1.0)
    shift = graph.conv(style, f"{name}.beta")
    x = graph.add(graph.ops.multiply(x, scale), shift)
    x = graph.relu(graph.conv(x, f"{name}.conv"))
    return graph.shuffle(x) if doubles else x


_DOUBLES = (False, True, False, True, False)
"""Which of a decoder's five modulated convolutions double the sides."""


def _pictures(graph: _Graph, pair: _Node, mask: _Node) -> _Node:
    """Frame and paste to the pictures of both and of their blend: `LiteGenerator.follow`."""
    stylemaps, *_ = _encoded(graph, pair)
    levels: list[_Node] = []
    for level in (stylemaps, *_maps(graph, stylemaps)):
        own, paste = graph.halves(level)
        blend = graph.lerp(own, paste, graph.mask_at(mask, own.get_shape()[-1]))
        levels.append(graph.cat(own, blend, paste, axis=0))
    name = "generator.decoder"
    x = graph.conv(levels[0], f"{name}.enter")
    x = graph.add(x, graph.constant(graph.array(f"{name}.constant")))
    for number, doubles in enumerate(_DOUBLES):
        x = _modulated(graph, x, levels[number + 1], f"{name}.blocks.{number}", doubles=doubles)
    x = graph.shuffle(graph.relu(graph.conv(x, f"{name}.up")))
    x = graph.relu(graph.conv(x, f"{name}.tail"))
    return graph.shuffle(graph.conv(x, f"{name}.head"))


def _correction_of_pictures(graph: _Graph, pair: _Node, mask: _Node) -> _Node:
    """Frame and paste to the correction by its definition, y1 - lerp(y0, yp, t m)."""
    pictures = _pictures(graph, pair, mask)
    before, after, paste = graph.ops.split(pictures, 0, 3).outputs()
    return graph.ops.subtract(after, graph.lerp(before, paste, mask))


def _correction(graph: _Graph, pair: _Node, mask: _Node) -> _Node:
    """Frame and paste to the correction: `LiteGenerator.correct`."""
    stylemaps, middle, fine = _encoded(graph, pair)
    name = "generator.corrector"
    masks = {side: graph.mask_at(mask, side) for side in (16, 32, 64)}

    def told(level: _Node) -> _Node:
        own, paste = graph.halves(level)
        weight = masks[own.get_shape()[-1]]
        difference = graph.ops.subtract(paste, own)
        blend = graph.add(own, graph.ops.multiply(weight, difference))
        return graph.cat(blend, difference, weight)

    frame, paste = graph.halves(pair)
    see = {
        1: graph.conv(graph.cat(*graph.halves(middle), masks[32]), f"{name}.see_32"),
        3: graph.conv(graph.cat(*graph.halves(fine), masks[64]), f"{name}.see_64"),
    }
    see_128 = graph.conv(graph.unshuffle(graph.cat(frame, paste, mask), 2), f"{name}.see_128")
    x = graph.conv(told(stylemaps), f"{name}.enter")
    x = graph.add(x, graph.constant(graph.array(f"{name}.constant")))
    for number, (style, doubles) in enumerate(zip(_maps(graph, stylemaps), _DOUBLES, strict=True)):
        x = _modulated(graph, x, told(style), f"{name}.blocks.{number}", doubles=doubles)
        if number in see:
            x = graph.add(x, see[number])
    x = graph.add(graph.shuffle(graph.relu(graph.conv(x, f"{name}.up"))), see_128)
    x = graph.relu(graph.conv(x, f"{name}.tail"))
    return graph.shuffle(graph.conv(x, f"{name}.head"))
