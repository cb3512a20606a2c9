"""`python -m models.evaluate --weights NAME|PATH --images FOLDER|SHARD.npz [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from models.crop import CropKind
from models.evaluate.measure import MOST_EDITS, MOST_STEADY, PARTS, Plan, measure
from models.evaluate.pictures import load_faces
from models.evaluate.report import Report, table
from models.feature_distance import FeatureDistance, FeatureWeightsError
from models.weights import WeightsError, read_card

_FAILED, _DAMAGED = 1, 5


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and say what is wrong on standard error.

    Returns: 0; 1 if there is nothing to measure on or with; 5 if weights cannot be used.
    """
    options = _parser().parse_args(arguments)
    try:
        reports = _reports(options)
    except WeightsError as error:
        _say(f"{error.message} {error.hint}")
        return _DAMAGED
    except ValueError as error:
        _say(str(error))
        return _FAILED
    if options.json:
        printed = reports[0] if len(reports) == 1 else reports
        sys.stdout.write(json.dumps(printed, indent=2) + "\n")
    else:
        sys.stdout.write(table(reports) + "\n")
    return 0


def _reports(options: argparse.Namespace) -> list[Report]:
    device = _device(options.device)
    crops: set[CropKind] = {read_card(name).crop for name in options.weights}
    if len(crops) > 1:
        raise ValueError(
            f"The weights want crops of different kinds ({', '.join(sorted(crops))}), so they "
            "cannot be measured side by side. Measure each kind by itself."
        )
    faces, passed_over = load_faces(options.images, crops.pop(), options.limit)
    if passed_over:
        _say(f"Passed over in {options.images}: {passed_over}, without a face or not to be read.")
    try:
        features = FeatureDistance(options.features).to(device)
    except FeatureWeightsError as error:
        if options.features:
            raise
        features = None
        _say(f"{error} Feature and Fréchet distance are left out.")
    plan = Plan(options.parts, options.edits, options.steady)
    reports: list[Report] = []
    for name in options.weights:
        _say(f"{name}: measuring on {len(faces)} faces, {device}")
        reports.append(measure(name, faces, features, device, plan) | {"skipped": passed_over})
    return reports


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.evaluate",
        description="Measure weights on faces that training has not seen; docs/models.md explains "
        "the figures.",
    )
    parser.add_argument(
        "--weights", action="append", required=True, metavar="NAME|PATH",
        help="built-in name, or a safetensors file with its card beside it; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--images", type=Path, required=True, metavar="FOLDER|SHARD.npz",
        help="photographs or 256x256 crops, or a shard",
    )  # fmt: skip
    parser.add_argument("--limit", type=_positive, metavar="N", help="the first N faces only")
    parser.add_argument(
        "--edits", type=_positive, default=MOST_EDITS, metavar="N",
        help="edit at most N pairs, and make N pictures from noise (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--steady", type=_positive, default=MOST_STEADY, metavar="N",
        help="shake at most N faces (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--parts", type=_parts, default=PARTS, metavar="A,B",
        help=f"measure only these: {', '.join(PARTS)}; reconstruction always is",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto (CUDA, MPS, CPU), cpu, cuda, ...")
    parser.add_argument(
        "--features", type=Path, metavar="FILE",
        help="weights of the feature network (default: those of the extra `training`)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="JSON alone on standard output")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(","))
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}"
        )
    return parts


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"The device '{name}' cannot be used: {reason} Choose --device cpu, or auto."
        ) from error
    return device


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
