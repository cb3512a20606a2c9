"""The checkpoints that StyleMapGAN's authors released, read without believing them.

Such a file is a pickle of everything a training needs to go on. Of it two averaged networks are
kept, `e_ema` and `g_ema`, and what `train_args` says about them. Nothing in the file is executed:
torch's restricted unpickler makes tensors, plain containers and one argparse.Namespace, and refuses
the rest. Names, shapes and values are then compared with the network's own.

Source: the checkpoints beside StyleMapGAN (arXiv 2104.14754); their layout is described in
docs/importing.md.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.config import STYLE_CHANNELS, NetworkConfig
from models.crop import CropKind
from models.networks import Encoder, Generator
from models.weights import Arrays, WeightsError

LICENCE = (
    "CC BY-NC 4.0: non-commercial use only, with credit to StyleMapGAN's authors "
    "(Kim, Choi, Kim, Yoo and Uh, CVPR 2021)."
)
CROP: CropKind = "ffhq"
"""The alignment of the released face checkpoints."""

FACE_DATASETS = frozenset({"celeba_hq", "ffhq"})
"""What `train_args.dataset` says where people's faces were learnt."""

MOST_BYTES = 3_000_000_000
"""With critic and optimisers a checkpoint of the widest released network has 1.9 GB."""

_ZIP = b"PK\x03\x04"  # torch's form since 1.6
_PICKLE = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # and before, as in the released files
_KEPT = ("e_ema", "g_ema", "train_args")
_MOST_MULTIPLIER = 8
_BLUR = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64
_NO_CHECKPOINT = (
    "Give a checkpoint as StyleMapGAN's authors released it, downloaded anew (docs/importing.md)."
)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What is kept of one. dataset: what it was trained on, as its authors call it."""

    config: NetworkConfig
    dataset: str
    encoder: Arrays
    generator: Arrays


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a released checkpoint; of torch's zip form only the pages that are needed.

    Shapes: arrays are float32, as the networks' parameters; blur kernels are left out.
    Raises: WeightsError with the reason: weights-missing; weights-not-a-checkpoint (a web page,
    another kind of file); weights-need-code; weights-damaged (cut short, values that are no
    numbers); weights-unfit (another network than StyleMapGAN's as released). MemoryError.
    """
    is_zip = _check_kind(path)
    kept = _unpickle(path, may_map=is_zip)
    for name in _KEPT:
        if name not in kept:
            raise WeightsError(
                "weights-not-a-checkpoint", f"{path.name} has no {name}.", _NO_CHECKPOINT
            )
    arguments = kept["train_args"]
    if not isinstance(arguments, argparse.Namespace):
        raise WeightsError(
            "weights-not-a-checkpoint",
            f"In {path.name} train_args is no argparse.Namespace.",
            _NO_CHECKPOINT,
        )
    config = _config(vars(arguments))
    with torch.device("meta"):  # names and shapes alone
        encoder, generator = Encoder(config), Generator(config)
    dataset = vars(arguments).get("dataset")
    return Checkpoint(
        config,
        re.sub(r"\W+", "_", dataset)[:64] if isinstance(dataset, str) else "unknown",
        _checked("e_ema", kept["e_ema"], encoder),
        _checked("g_ema", kept["g_ema"], generator),
    )


def _check_kind(path: Path) -> bool:
    """Look at the first bytes. Returns: whether it is one of torch's zip archives."""
    try:
        if not path.is_file():
            raise FileNotFoundError(2, "there is no such file")
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise WeightsError(
            "weights-missing", f"{path} cannot be read: {error.strerror}.", "Check the path."
        ) from error
    if head.lstrip()[:1] == b"<":
        raise WeightsError(
            "weights-not-a-checkpoint",
            f"{path.name} is a web page, not a checkpoint: the page that stood before the download "
            "was saved in its place.",
            "Open the download's address in a browser, confirm there, and save the file itself.",
        )
    if not head.startswith((_ZIP, _PICKLE)):
        raise WeightsError(
            "weights-not-a-checkpoint",
            f"{path.name} is not a file that torch has saved.",
            _NO_CHECKPOINT,
        )
    if size > MOST_BYTES:
        raise WeightsError(
            "weights-not-a-checkpoint",
            f"{path.name} has {size / 1e9:.1f} GB, more than any released checkpoint.",
            _NO_CHECKPOINT,
        )
    return head.startswith(_ZIP)


def _unpickle(path: Path, *, may_map: bool) -> dict[str, Any]:
    """The entries that are kept.

    may_map: the file is mapped, so that optimisers and critic are never read; the older form, as
    torch wrote it before 1.6, has to be read as a whole.
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=may_map)
    except MemoryError:
        raise
    except Exception as error:  # whatever a hostile or broken file makes the reader raise
        raise _refusal(path, str(error)) from error
    if not isinstance(content, dict):
        raise WeightsError(
            "weights-not-a-checkpoint",
            f"{path.name} does not hold a dictionary of networks.",
            _NO_CHECKPOINT,
        )
    return {name: content[name] for name in _KEPT if name in content}


def _refusal(path: Path, said: str) -> Exception:
    """What torch's complaint means for a user."""
    if "allocate memory" in said:
        return MemoryError(said)
    if (code := re.search(r"GLOBAL (\S+)|got <class '([\w.]+)'>", said)) is not None:
        wanted = code[1] or code[2]
        return WeightsError(
            "weights-need-code",
            f"To load {path.name}, {wanted} would have to be called: code that the file chooses. "
            "vcam runs no code from files.",
            "Do not load this file with other programs either unless you trust who made it.",
        )
    return WeightsError(
        "weights-damaged",
        f"{path.name} is damaged or cut short: {_first_sentence(said)}.",
        "Download it again and compare its size with the one at its source.",
    )


def _first_sentence(said: str) -> str:
    return re.split(r"\. |\n", said.strip(), maxsplit=1)[0][:160].rstrip(".") or "it ends too early"


def _config(arguments: Mapping[str, Any]) -> NetworkConfig:
    """The member of the family that `train_args` names.

    Raises: WeightsError (weights-unfit) if it is none.
    """
    normalise = arguments.get("normalize_mode", "LayerNorm")
    if normalise != "LayerNorm":
        raise _unfit(f"its normalize_mode is {str(normalise)[:40]!r}, not 'LayerNorm'")
    channels = _whole(arguments, "latent_channel_size")
    if channels != STYLE_CHANNELS:
        raise _unfit(f"its latent_channel_size is {channels}, not {STYLE_CHANNELS}")
    multiplier = _whole(arguments, "channel_multiplier")
    if multiplier > _MOST_MULTIPLIER:
        raise _unfit(f"its channel_multiplier is {multiplier}, more than {_MOST_MULTIPLIER}")
    size, stylemap_size = _whole(arguments, "size"), _whole(arguments, "latent_spatial_size")
    light = arguments.get("small_generator", False) is True
    try:
        return NetworkConfig(size, stylemap_size, multiplier, light=light)
    except ValueError as error:
        raise _unfit(f"its {error}") from error


def _whole(arguments: Mapping[str, Any], name: str) -> int:
    number = arguments.get(name)
    if type(number) is not int:
        raise _unfit(f"its {name} is {str(number)[:40]!r}, not a whole number")
    return number


def _checked(name: str, state: object, network: nn.Module) -> Arrays:
    """The parameters in a state, once they are known to be this network's.

    Raises: WeightsError (weights-unfit, weights-damaged).
    """
    found = dict(state) if isinstance(state, Mapping) else {}
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    shapes = {key: _shape(value) for key, value in found.items()}
    if shapes != expected:
        odd = sorted(str(key) for key, _ in shapes.items() ^ expected.items())
        first, others = odd[0], len(set(odd)) - 1
        raise _unfit(
            f"in {name} {first} is {shapes.get(first, 'missing')}, must be "
            f"{expected.get(first, 'absent')}" + (f", and {others} more differ" if others else "")
        )
    arrays: dict[str, NDArray[np.generic]] = {}
    for key, tensor in found.items():
        values = tensor.detach().float()
        if not bool(values.isfinite().all()):
            raise WeightsError(
                "weights-damaged",
                f"The checkpoint is damaged: {name}.{key} holds values that are no numbers.",
                "Download it again.",
            )
        if not key.endswith(".kernel"):
            arrays[key] = values.numpy()
        elif not torch.allclose(values / values.sum(), _BLUR, atol=1e-5):
            raise _unfit(f"in {name} {key} is another blur than [1, 3, 3, 1]")
    return arrays


def _shape(value: object) -> tuple[int, ...] | None:
    """A plain tensor's shape; None for what is none."""
    if not isinstance(value, Tensor) or type(value) not in (Tensor, nn.Parameter):
        return None
    is_plain = value.layout == torch.strided and value.device.type == "cpu"
    return tuple(value.shape) if is_plain and value.is_floating_point() else None


def _unfit(reason: str) -> WeightsError:
    return WeightsError(
        "weights-unfit",
        f"The checkpoint is not of StyleMapGAN's networks as released: {reason}.",
        "The released 256 x 256 and 1024 x 1024 face checkpoints can be imported.",
    )
