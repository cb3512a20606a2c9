"""Stored weights: a safetensors file and, beside it, a JSON card that says what it is.

Free of torch, so that any process can list and verify weights; `models.networks.build` makes
networks of them. A file is believed only if its size and SHA-256 are the card's, and nothing in
it is ever executed. Tensors are float16 and called `encoder.<name>` and `generator.<name>`, names
as in the released checkpoints; blur kernels are not stored.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, StringConstraints, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from models.config import NetworkConfig
from models.crop import CropKind
from models.lite.config import LiteConfig

WeightsCode = Literal[
    "weights-missing",
    "weights-damaged",
    "weights-card-invalid",
    "weights-not-a-checkpoint",
    "weights-need-code",
    "weights-unfit",
]
"""Stable reasons why weights cannot be used."""

Arrays = Mapping[str, NDArray[np.generic]]
"""Tensors by name."""

_ASSETS = files("models") / "assets"
_NAME = r"[a-z0-9-]{1,64}"
_REINSTALL = "Install vcam again, or import the weights again with `vcam models import`."


class WeightsError(ValueError):
    """Weights that cannot be used: what, why, what to do."""

    def __init__(self, code: WeightsCode, message: str, hint: str) -> None:
        super().__init__(message)
        self.code: WeightsCode = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Card:
    """What a weights file is; the JSON beside it has these keys and no others."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(pattern=f"^{_NAME}$")]
    config: NetworkConfig | LiteConfig
    crop: CropKind  # the alignment the network was trained on
    licence: str
    data: str  # what it was trained on
    numbers: dict[str, float]  # measured on held-out pictures; names carry their units
    bytes: int = 0  # of the safetensors file
    sha256: str = ""  # of the safetensors file


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A card and the tensors it vouches for, each network's by their names in the checkpoints."""

    card: Card
    encoder: Arrays
    generator: Arrays


_CARD_SCHEMA = TypeAdapter(Card)


def built_in_names() -> list[str]:
    """Names of the weights that come with the program."""
    return sorted(entry.name[:-5] for entry in _ASSETS.iterdir() if entry.name.endswith(".json"))


def read_card(name_or_path: str | Path) -> Card:
    """Read the card alone: what `vcam models list` shows, without opening the tensors.

    Raises: WeightsError (weights-missing, weights-card-invalid).
    """
    file = _card_file(name_or_path)
    try:
        return _CARD_SCHEMA.validate_json(_read(file))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WeightsError(
            "weights-card-invalid",
            f"The card {file} is not valid: {where + ': ' if where else ''}{first['msg']}.",
            _REINSTALL,
        ) from error


def load_weights(name_or_path: str | Path) -> Weights:
    """Load weights by built-in name, or by the path of their safetensors file or card.

    The whole file is read and its SHA-256 checked at each load.
    Raises: WeightsError (weights-missing, weights-card-invalid, weights-damaged).
    """
    card = read_card(name_or_path)
    file = _tensors_file(name_or_path)
    data = _read(file)
    if len(data) != card.bytes:
        raise _damaged(file, f"it has {len(data)} bytes, its card says {card.bytes}")
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise _damaged(file, "its SHA-256 is not the one on its card")
    try:
        tensors = safetensors.load(data)
    except SafetensorError as error:
        raise _damaged(file, f"it is no safetensors file ({error})") from error
    return Weights(card, _part(tensors, "encoder"), _part(tensors, "generator"))


def verify_weights(name_or_path: str | Path) -> Card:
    """Compare size and SHA-256 with the card's, without keeping the file in memory.

    Raises: WeightsError (weights-missing, weights-card-invalid, weights-damaged).
    """
    card = read_card(name_or_path)
    file = _tensors_file(name_or_path)
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as stored:
            while piece := stored.read(1 << 20):
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        raise _missing(file, error) from error
    if size != card.bytes:
        raise _damaged(file, f"it has {size} bytes, its card says {card.bytes}")
    if digest.hexdigest() != card.sha256:
        raise _damaged(file, "its SHA-256 is not the one on its card")
    return card


def save_weights(folder: str | Path, card: Card, encoder: Arrays, generator: Arrays) -> Card:
    """Write `<name>.safetensors` and its card; size and SHA-256 on the card are filled in.

    To replace the tensors behind a card that is there, from a training's saved state:

        state = torch.load("start.pt", map_location="cpu", weights_only=True)
        arrays = {net: {k: v.numpy() for k, v in state[net].items()} for net in state}
        save_weights("models/assets", read_card("face256"), arrays["encoder"], arrays["generator"])

    Blur kernels among the arrays are left out.
    Raises: ValueError if a number does not fit in float16.
    """
    tensors: dict[str, NDArray[np.generic]] = {}
    for network, arrays in (("encoder", encoder), ("generator", generator)):
        for name, array in arrays.items():
            if name.endswith(".kernel"):
                continue
            with np.errstate(over="ignore"):  # what overflows is refused below
                half = np.ascontiguousarray(array, np.float16)
            if not np.isfinite(half).all():
                raise ValueError(f"{network}.{name} has values that float16 cannot hold")
            tensors[f"{network}.{name}"] = half
    data = safetensors.save(tensors)
    card = replace(card, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    stem = Path(folder) / card.name
    stem.with_suffix(".safetensors").write_bytes(data)
    stem.with_suffix(".json").write_bytes(_CARD_SCHEMA.dump_json(card, indent=2) + b"\n")
    return card


def _card_file(name_or_path: str | Path) -> Traversable:
    return _beside(name_or_path, ".json")


def _tensors_file(name_or_path: str | Path) -> Traversable:
    return _beside(name_or_path, ".safetensors")


def _beside(name_or_path: str | Path, suffix: str) -> Traversable:
    """Find the card or the tensors: an asset for a plain name, else a file at the path's stem."""
    if isinstance(name_or_path, str) and re.fullmatch(_NAME, name_or_path):
        return _ASSETS / (name_or_path + suffix)
    return Path(name_or_path).with_suffix(suffix)


def _read(file: Traversable) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _missing(file, error) from error


def _missing(file: Traversable, error: OSError) -> WeightsError:
    return WeightsError(
        "weights-missing",
        f"The weights cannot be read: {file}: {error.strerror}.",
        f"Give the path of a safetensors file with its card beside it, or one of the built-in "
        f"names: {', '.join(built_in_names())}.",
    )


def _damaged(file: Traversable, reason: str) -> WeightsError:
    return WeightsError("weights-damaged", f"The weights {file} are damaged: {reason}.", _REINSTALL)


def _part(tensors: Arrays, network: str) -> Arrays:
    start = network + "."
    return {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
