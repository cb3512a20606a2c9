"""A training's saved state: tensors as safetensors, everything else as JSON; nothing executable.

A folder holds `state-<start of its SHA-256>.safetensors` (networks, averages, moments) and
`state.json` (how far it is, the configuration, which tensors). The new tensors are written beside
the old ones, then the JSON is put in place of the old, then the old tensors go: a run that is cut
leaves a state that is whole, the new one or the one before.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.training.optimising import Optimiser

_TENSORS, _FACTS = "state-*.safetensors", "state.json"


class StateError(ValueError):
    """A state that cannot be resumed: what and why."""


def save_state(
    folder: Path,
    facts: Mapping[str, Any],
    networks: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimiser],
) -> None:
    """Write the state of a training, whole or not at all."""
    tensors: dict[str, Tensor] = {}
    for name, network in networks.items():
        tensors |= {f"{name}.{key}": p.detach() for key, p in network.named_parameters()}
    for name, optimiser in optimisers.items():
        for number, parameter in enumerate(optimiser.parameters):
            moments = optimiser.adam.state.get(parameter, {})
            tensors |= {f"{name}.{number}.{key}": value for key, value in moments.items()}
    new, new_facts = folder / "state.safetensors.new", folder / f"{_FACTS}.new"
    save_file({key: t.cpu().contiguous() for key, t in tensors.items()}, new)
    digest = _sha256(new)
    file = folder / _TENSORS.replace("*", digest[:16])
    new_facts.write_text(
        json.dumps(dict(facts) | {"tensors": file.name, "sha256": digest}, indent=1)
    )
    for written in (new, new_facts):
        _to_disk(written)
    new.replace(file)
    new_facts.replace(folder / _FACTS)
    for old in folder.glob(_TENSORS):
        if old != file:
            old.unlink()


def has_state(folder: Path) -> bool:
    """Whether a training was saved there."""
    return (folder / _FACTS).exists()


def load_state(
    folder: Path, networks: Mapping[str, nn.Module], optimisers: Mapping[str, Optimiser]
) -> dict[str, Any]:
    """Fill networks and optimisers from a saved state.

    Returns: the facts that were saved with it.
    Raises: StateError if there is none, or it is damaged or of other networks.
    """
    facts = read_facts(folder)
    file = folder / Path(str(facts.get("tensors", _TENSORS))).name
    if _sha256(file) != facts.get("sha256"):
        raise StateError(
            f"{file} is damaged: its SHA-256 is not the one in {_FACTS}. Start from the folder's "
            "weights (--start) in another folder."
        )
    try:
        tensors = load_file(file)
        for name, network in networks.items():
            for key, parameter in network.named_parameters():
                _put(tensors[f"{name}.{key}"], parameter.detach())
    except (SafetensorError, KeyError, ValueError) as error:
        raise StateError(
            f"The state in {folder} is of other networks ({error}). Give the flags that it was "
            f"trained with (they are in {_FACTS}), or name another folder."
        ) from error
    for name, optimiser in optimisers.items():
        for number, parameter in enumerate(optimiser.parameters):
            start = f"{name}.{number}."
            found = {k.removeprefix(start): t for k, t in tensors.items() if k.startswith(start)}
            if found:  # one that has not stepped yet has none
                optimiser.adam.state[parameter] = {
                    key: _moment(t, parameter) if t.ndim else _count_for(t, parameter)
                    for key, t in found.items()
                }
    return facts


def read_facts(folder: Path) -> dict[str, Any]:
    """The JSON of a saved state.

    Raises: StateError if there is none.
    """
    file = folder / _FACTS
    try:
        facts = json.loads(file.read_text())
    except OSError as error:
        raise StateError(
            f"There is no state to resume: {file}: {error.strerror}. Leave out --resume."
        ) from error
    except ValueError as error:
        raise StateError(f"{file} is damaged: {error}. Start again in another folder.") from error
    if not isinstance(facts, dict):
        raise StateError(f"{file} is no state of a training. Start again in another folder.")
    return cast(dict[str, Any], facts)


def _put(stored: Tensor, parameter: Tensor) -> None:
    """Copy into a parameter of the same shape; `copy_` alone would spread a smaller one."""
    if stored.shape != parameter.shape:
        raise ValueError(f"{tuple(stored.shape)} where {tuple(parameter.shape)} is wanted")
    parameter.copy_(stored)


def _moment(stored: Tensor, parameter: Tensor) -> Tensor:
    """A moment laid out as its parameter, as the fused Adam wants it."""
    return torch.empty_like(parameter.detach()).copy_(stored)


def _count_for(steps: Tensor, parameter: Tensor) -> Tensor:
    """Adam's count of steps where its fused form wants it."""
    return steps.to(parameter.device) if parameter.is_cuda else steps


def _to_disk(file: Path) -> None:
    """Wait until a file outlives a power cut."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise StateError(f"The state cannot be read: {file}: {error.strerror}.") from error
