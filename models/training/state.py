"""A training's saved state: tensors as safetensors, everything else as JSON; nothing executable.

A folder holds `state.safetensors` (networks, averages, moments) and `state.json` (how far it is,
the configuration). Both are written beside the old ones and then put in their place, the JSON last
and with the tensors' SHA-256 in it, so that a run that is cut leaves a state that is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.training.optimising import Optimiser

_TENSORS, _FACTS = "state.safetensors", "state.json"


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
    new = folder / f"{_TENSORS}.new"
    save_file({key: t.cpu().contiguous() for key, t in tensors.items()}, new)
    facts = dict(facts) | {"sha256": _sha256(new)}
    new_facts = folder / f"{_FACTS}.new"
    new_facts.write_text(json.dumps(facts, indent=1))
    new.replace(folder / _TENSORS)
    new_facts.replace(folder / _FACTS)


def load_state(
    folder: Path, networks: Mapping[str, nn.Module], optimisers: Mapping[str, Optimiser]
) -> dict[str, Any]:
    """Fill networks and optimisers from a saved state.

    Returns: the facts that were saved with it.
    Raises: StateError if there is none, or it is damaged or of other networks.
    """
    facts = read_facts(folder)
    if _sha256(folder / _TENSORS) != facts["sha256"]:
        raise StateError(f"{folder / _TENSORS} is damaged: its SHA-256 is not the one in {_FACTS}.")
    try:
        tensors = load_file(folder / _TENSORS)
        for name, network in networks.items():
            for key, parameter in network.named_parameters():
                with torch.no_grad():
                    parameter.copy_(tensors[f"{name}.{key}"])
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise StateError(f"The state in {folder} is of other networks: {error}.") from error
    for name, optimiser in optimisers.items():
        for number, parameter in enumerate(optimiser.parameters):
            start = f"{name}.{number}."
            found = {k.removeprefix(start): t for k, t in tensors.items() if k.startswith(start)}
            if found:  # one that has not stepped yet has none
                optimiser.adam.state[parameter] = {
                    key: t.to(parameter.device) if t.ndim else _count_for(t, parameter)
                    for key, t in found.items()
                }
    return facts


def read_facts(folder: Path) -> dict[str, Any]:
    """The JSON of a saved state.

    Raises: StateError if there is none.
    """
    try:
        return json.loads((folder / _FACTS).read_text())
    except (OSError, ValueError) as error:
        raise StateError(f"There is no state to resume in {folder}: {error}.") from error


def _count_for(steps: Tensor, parameter: Tensor) -> Tensor:
    """Adam's count of steps where its fused form wants it."""
    return steps.to(parameter.device) if parameter.is_cuda else steps


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise StateError(f"The state cannot be read: {file}: {error.strerror}.") from error
