"""Puts one network through all measures; what comes out is what `--json` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.evaluate.candidates import NOISE_CHANNELS, Candidate, load_candidate
from models.evaluate.edits import (
    REGIONS,
    EditFigures,
    Pair,
    edit_pair,
    make_pairs,
    measure_edit,
)
from models.evaluate.frechet import frechet_distance
from models.evaluate.groups import GROUPS, sort_into_groups
from models.evaluate.likeness import mse, psnr, ssim
from models.evaluate.pictures import to_tensor
from models.evaluate.report import Report
from models.evaluate.seams import poisson_paste
from models.evaluate.speed import edit_ms
from models.evaluate.steadiness import NOISE_LEVELS, Network, shake
from models.feature_distance import FeatureDistance
from models.training.shards import Faces

PARTS = ("reconstruction", "edits", "steadiness", "frechet", "speed")
"""What can be measured; `reconstruction` always is."""

MOST_EDITS, MOST_STEADY = 64, 12
"""Of a plan, unless it says otherwise."""

_BATCH = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    edits: at most so many pairs are edited, and so many pictures made from noise. steady: at most
    so many faces are shaken.
    """

    parts: Sequence[str] = PARTS
    edits: int = MOST_EDITS
    steady: int = MOST_STEADY


@torch.inference_mode()
def measure(
    weights: str | Path,
    faces: Faces,
    features: FeatureDistance | None,
    device: torch.device,
    plan: Plan,
) -> Report:
    """Measure some weights.

    features: None leaves feature distance and Fréchet distance out: they are None then.
    Returns: docs/models.md lists the keys.
    Raises: WeightsError, ValueError as `load_candidate`.
    """
    card, candidate = load_candidate(weights, device)
    report: Report = {
        "weights": card.name,
        "device": str(device),
        "images": len(faces),
        "parameters": sum(parameter.numel() for parameter in candidate.parameters()),
        "bytes": card.bytes,
    }
    pooled: dict[str, list[Tensor]] = {"pictures": [], "reconstructions": [], "edits": []}
    report |= _reconstruction(candidate, faces, features, device, pooled)
    if "edits" in plan.parts:
        report["edits"] = _edits(candidate, faces, features, device, plan, pooled)
    if "steadiness" in plan.parts:
        report["steadiness"] = _steadiness(candidate, faces, device, plan)
    if "frechet" in plan.parts:
        report["frechet"] = _frechet(candidate, features, device, plan, pooled)
    if "speed" in plan.parts:
        pair = next(make_pairs(faces, 1, device))
        both = torch.cat((pair.x, pair.paste))
        run = partial(candidate.run_once, both, pair.mask)
        report["speed"] = {"edit_ms": round(edit_ms(run, device), 3)}
    return report


def _reconstruction(
    candidate: Candidate,
    faces: Faces,
    features: FeatureDistance | None,
    device: torch.device,
    pooled: dict[str, list[Tensor]],
) -> Report:
    figures: dict[str, list[Tensor]] = {"psnr": [], "mse": [], "ssim": [], "feature_distance": []}
    for x in _batches(faces, device):
        again = candidate.reconstruct(x).clamp(-1, 1)
        figures["mse"].append(mse(again, x))
        figures["psnr"].append(psnr(again, x))
        figures["ssim"].append(ssim(again, x))
        if features is not None:
            figures["feature_distance"].append(features(again, x))
            pooled["pictures"].append(features.pooled(x))
            pooled["reconstructions"].append(features.pooled(again))
    of_each = {
        name: torch.cat(values).double().cpu().numpy() if values else None
        for name, values in figures.items()
    }
    everyone = np.ones(len(faces), bool)
    groups = {name: _group(of_each, who) for name, who in sort_into_groups(faces).items()}
    whole = _group(of_each, everyone)
    del whole["count"]
    return {**whole, "groups": {name: groups[name] for name in GROUPS}}


def _group(of_each: dict[str, NDArray[np.float64] | None], who: NDArray[np.bool_]) -> Report:
    """Means over some of the faces; None where there is nobody, or nothing was measured."""
    report: Report = {"count": int(who.sum())}
    for name, values in of_each.items():
        if values is None or not who.any():
            report[name] = None
        else:
            report[name] = round(float(values[who].mean()), 6)
    return report


def _edits(
    candidate: Candidate,
    faces: Faces,
    features: FeatureDistance | None,
    device: torch.device,
    plan: Plan,
    pooled: dict[str, list[Tensor]],
) -> Report:
    figures: list[EditFigures] = []
    for pair in make_pairs(faces, plan.edits, device):
        figure, result = measure_edit(candidate, pair)
        figures.append(figure)
        if features is not None:
            pooled["edits"].append(features.pooled(result))
    by_region = {name: [f for f in figures if f.region == name] for name in REGIONS}
    return _mean_edit(figures) | {
        "regions": {name: _mean_edit(some) for name, some in by_region.items() if some}
    }


def _mean_edit(figures: Sequence[EditFigures]) -> Report:
    def mean(values: Iterator[float]) -> float:
        return round(sum(values) / len(figures), 6)

    return {
        "count": len(figures),
        "mse_src": mean(f.mse_src for f in figures),
        "mse_ref": mean(f.mse_ref for f in figures),
        "network_mse_src": mean(f.network_mse_src for f in figures),
        "network_mse_ref": mean(f.network_mse_ref for f in figures),
        "seam_step": {k: mean(f.seam_step[k] for f in figures) for k in figures[0].seam_step},
        "seam_excess": {k: mean(f.seam_excess[k] for f in figures) for k in figures[0].seam_excess},
    }


def _steadiness(candidate: Candidate, faces: Faces, device: torch.device, plan: Plan) -> Report:
    found: dict[str, list[dict[str, float]]] = {}
    for pair in make_pairs(faces, plan.steady, device):
        for name, (network, inputs, where) in _shaken(candidate, pair).items():
            found.setdefault(name, []).append(shake(network, inputs, where))
    means = {
        name: {key: round(sum(f[key] for f in figures) / len(figures), 4) for key in figures[0]}
        for name, figures in found.items()
    }
    return {"count": min(plan.steady, len(faces)), "noise_levels": NOISE_LEVELS, **means}


def _shaken(candidate: Candidate, pair: Pair) -> dict[str, tuple[Network, Tensor, Tensor]]:
    """What is shaken, its inputs, and where it counts.

    A reconstruction counts on the whole crop. The edit, and two pastes without a network, count
    inside the mask; their warped reference and mask hold still under noise, and move with the face.
    """

    def reconstruction(x: Tensor) -> Tensor:
        return candidate.reconstruct(x).clamp(-1, 1)

    def told(inputs: Tensor) -> Pair:
        x, warped, mask = inputs.split((3, 3, 1), 1)
        mask = mask.clamp(0, 1)  # bicubic shifts overshoot
        return Pair(pair.region, x, warped, mask, torch.lerp(x, warped, mask))

    def edit(inputs: Tensor) -> Tensor:
        return edit_pair(candidate, told(inputs))

    def feathered_paste(inputs: Tensor) -> Tensor:
        return told(inputs).paste

    def poisson(inputs: Tensor) -> Tensor:
        shaken = told(inputs)
        return poisson_paste(shaken.x, shaken.warped, shaken.mask)

    inputs = torch.cat((pair.x, pair.warped, pair.mask), 1)
    return {
        "reconstruction": (reconstruction, pair.x, torch.ones_like(pair.mask)),
        "edit": (edit, inputs, pair.mask),
        "feathered_paste": (feathered_paste, inputs, pair.mask),
        "poisson_paste": (poisson, inputs, pair.mask),
    }


def _frechet(
    candidate: Candidate,
    features: FeatureDistance | None,
    device: torch.device,
    plan: Plan,
    pooled: dict[str, list[Tensor]],
) -> Report:
    report: Report = {"features": "EfficientNet-Lite0, 320 pooled; not an FID of Inception's"}
    sets: dict[str, list[Tensor]] = {name: pooled[name] for name in ("reconstructions", "edits")}
    sets["noise"] = []
    if features is not None:
        for pictures in _from_noise(candidate, plan.edits, device):
            sets["noise"].append(features.pooled(pictures.clamp(-1, 1)))
    for name, parts in sets.items():
        made = torch.cat(parts) if parts else torch.empty(0, 1)
        real = torch.cat(pooled["pictures"]) if pooled["pictures"] else made
        known = min(len(made), len(real)) >= 2
        report[name] = {
            "count": len(made),
            "distance": round(frechet_distance(made, real), 4) if known else None,
        }
    return report


def _from_noise(candidate: Candidate, count: int, device: torch.device) -> Iterator[Tensor]:
    """Pictures of the same vectors for every network; none from one that has no such input."""
    draw = torch.Generator().manual_seed(0)
    for z in torch.randn(count, NOISE_CHANNELS, generator=draw).split(_BATCH):
        pictures = candidate.from_noise(z.to(device))
        if pictures is None:
            return
        yield pictures


def _batches(faces: Faces, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(faces), _BATCH):
        yield to_tensor(faces.pictures[start : start + _BATCH], device)
