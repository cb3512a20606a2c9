"""Distil a trained StyleMapGAN into the small model for CPUs.

    python -m models.training.distil DATA OUT --teacher face256 --kimg 1000

The small model learns three things at once: to reconstruct faces, to paint an edit as the teacher
does (before, after, paste), and the edit's correction in one pass. OUT gets what `train` writes.
docs/training.md tells the rest; the loop is `loop.py`.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from models.blend import blend_maps
from models.feature_distance import FeatureDistance
from models.lite.config import LITE
from models.lite.networks import Features, LiteEncoder, LiteGenerator
from models.networks import Encoder, Generator, NetworkConfig, build
from models.training.composites import Composites, make_composites
from models.training.faces import FaceBank
from models.training.flags import launch
from models.training.loop import Ground, RunConfig, run
from models.training.optimising import Average, Optimiser, lay_channels_last
from models.training.regions import widen_mask
from models.training.shards import SIDE
from models.training.sheets import save_grid
from models.weights import Weights, WeightsError, load_weights

_BETAS = (0.9, 0.99)
_SHEET_COLUMNS, _SHEET_EDITS = 10, 3
_WHOLE_SHARE = 0.4  # of edits at strength 1; the others' is anything


@dataclass(frozen=True, slots=True)
class DistilConfig(RunConfig):
    """Everything a distillation depends on.

    Raises: ValueError if the numbers do not fit together.
    """

    final_lr: float = 0.00005
    hold: float = 0.3
    average_kimg: float = 8.0
    teacher: str = "face256"  # weights of 256 px, for crops of the kind `face`


def main(arguments: list[str] | None = None) -> int:
    """Make the configuration, show it, distil. Returns: the exit status."""
    return launch(
        "python -m models.training.distil",
        "Distil a trained StyleMapGAN into the small model for CPUs.",
        DistilConfig,
        distil,
        arguments,
    )


def distil(config: DistilConfig) -> None:
    """Train the small model for one stretch.

    Raises: ShardError, StateError, WeightsError, FeatureWeightsError if what it starts from cannot
    be used.
    """
    weights = _teachers_weights(config.teacher)
    run(config, lambda ground: Distillation(config, weights, ground))


class Teacher:
    """A trained network, asked what an edit looks like."""

    def __init__(self, encoder: Encoder, generator: Generator, dtype: torch.dtype) -> None:
        self._encoder, self._generator, self._dtype = encoder, generator, dtype

    @torch.no_grad()
    def follow(self, faces: Tensor, paste: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Pictures (y0, y1, yp) of frame, blend and paste, [B, 3, 256, 256] float32."""
        pair = torch.cat((faces, paste)).to(self._dtype, memory_format=torch.channels_last)
        maps = self._generator.resize(self._encoder(pair))
        own, pasted = [m.chunk(2)[0] for m in maps], [m.chunk(2)[1] for m in maps]
        levels = zip(own, blend_maps(own, pasted, mask), pasted, strict=True)
        return self._generator.synthesise([torch.cat(level) for level in levels]).float().chunk(3)


def small_model_losses(
    encoder: LiteEncoder,
    generator: LiteGenerator,
    features: FeatureDistance,
    faces: Tensor,
    edits: Composites,
    taught: tuple[Tensor, ...],
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """How far the small model is from the faces, from the teacher's pictures and its correction.

    Shapes: faces [B, 3, 256, 256]; edits, of each of them, with strength in the mask; taught, the
    teacher's (y0, y1, yp).
    """
    count, mask, paste = len(faces), edits.mask, edits.paste
    before, after, pasted = taught
    pair = torch.cat((faces, paste)).to(dtype, memory_format=torch.channels_last)
    coarse, middle, fine = encoder(pair)
    own: Features = (coarse[:count], middle[:count], fine[:count])
    theirs: Features = (coarse[count:], middle[count:], fine[count:])
    own_y, after_y, paste_y = (y.float() for y in generator.follow(own[0], theirs[0], mask))
    found = generator.correct((pair[:count], pair[count:]), (own, theirs), mask.to(dtype)).float()

    # Reconstruction: the face itself is the goal, not the teacher's picture of it.
    picture = _difference(own_y, faces) + _difference(paste_y, paste)
    # The blend has no truth but the teacher's word.
    edit = _difference(after_y, after)
    # The correction counts where the composite shows it.
    shown = widen_mask(mask)
    goal = after - torch.lerp(before, pasted, mask)
    correction = _difference(found * shown, goal * shown)

    base = torch.lerp(faces, paste, mask)
    made = torch.cat((own_y, after_y, base + shown * found))
    wanted = torch.cat((faces, after, base + shown * goal))
    distance = features(_lay(made, dtype), _lay(wanted, dtype)).view(3, count).mean(1)
    return {
        "picture": picture,
        "edit": edit,
        "correction": correction,
        "picture_features": distance[0],
        "edit_features": distance[1],
        "correction_features": distance[2],
    }


_WEIGHTS = {
    "picture": 1.0,
    "edit": 0.5,
    "correction": 10.0,
    "picture_features": 0.15,
    "edit_features": 0.1,
    "correction_features": 0.5,
}


class Distillation:
    """The small model, its teacher, optimiser and average (a `loop.Learner`)."""

    def __init__(self, config: DistilConfig, weights: Weights, ground: Ground) -> None:
        self.config = LITE
        self._features, self._dtype, device = ground.features, ground.dtype, ground.crew.device
        self._encoder, self._generator = LiteEncoder(LITE), LiteGenerator(LITE)
        teacher_encoder, teacher_generator = build(weights)
        for network in (self._encoder, self._generator, teacher_encoder, teacher_generator):
            lay_channels_last(network.to(device))
        self._teacher = Teacher(teacher_encoder, teacher_generator, self._dtype)
        self.average = Average(self._encoder, self._generator)
        self._optimiser = Optimiser([self._encoder, self._generator], config.lr, _BETAS)
        self.optimisers = {"optimiser": self._optimiser}
        # Where the small model's convolutions run in half precision, if the device is a GPU.
        self._half = torch.autocast(device.type, self._dtype, enabled=device.type == "cuda")

    def learn(
        self, faces: Tensor, landmarks: Tensor, choice: random.Random, *, number: int, lr: float
    ) -> dict[str, Tensor]:
        """Learn from a batch and what the teacher makes of its edits; no step is special."""
        edits = make_composites(faces, landmarks, choice)
        strength = _random_strengths(len(faces), faces.device)
        edits = Composites(edits.paste, edits.mask * strength, edits.is_plain)
        taught = self._teacher.follow(faces, edits.paste, edits.mask)
        with self._half:
            losses = small_model_losses(
                self._encoder, self._generator, self._features, faces, edits, taught, self._dtype
            )
        torch.stack([_WEIGHTS[name] * loss for name, loss in losses.items()]).sum().backward()
        self._optimiser.step(lr)
        return {name: loss.detach() for name, loss in losses.items()}

    def reconstruct(self, faces: Tensor) -> Tensor:
        """Encode and decode by the averaged networks."""
        with self._half:
            return self.average.generator(self.average.encoder(faces)[0])

    @torch.no_grad()
    def draw_sheet(self, path: Path, faces: FaceBank) -> None:
        """Faces, reconstructions; then pastes, and what the teacher and the small model make."""
        encoder, generator = self.average.encoder, self.average.generator
        shown, landmarks = faces.at(slice(0, _SHEET_COLUMNS))
        rows = [shown, self.reconstruct(_lay(shown, self._dtype))]
        with torch.random.fork_rng(devices=[shown.device] if shown.is_cuda else []):
            torch.manual_seed(5)
            for number in range(_SHEET_EDITS):
                edits = make_composites(shown, landmarks, random.Random(number))  # noqa: S311
                mask, paste = edits.mask, edits.paste
                wide = widen_mask(mask)
                before, after, pasted = self._teacher.follow(shown, paste, mask)
                base = torch.lerp(shown, paste, mask)
                taught = base + wide * (after - torch.lerp(before, pasted, mask))
                pair = _lay(shown, self._dtype), _lay(paste, self._dtype)
                with self._half:
                    features = encoder(pair[0]), encoder(pair[1])
                    found = generator.correct(pair, features, mask.to(self._dtype))
                rows += [base, taught, base + wide * found.float()]
        save_grid(path, rows)

    def kept(self) -> dict[str, nn.Module]:
        """What a state holds, by its names there."""
        return {
            "encoder": self._encoder,
            "generator": self._generator,
            "average_encoder": self.average.encoder,
            "average_generator": self.average.generator,
        }


def _teachers_weights(name: str) -> Weights:
    """The teacher's weights.

    Raises: WeightsError if they cannot be read, or are no StyleMapGAN's for the shards' crops.
    """
    weights = load_weights(name)
    config = weights.card.config
    if not isinstance(config, NetworkConfig) or config.size != SIDE or weights.card.crop != "face":
        raise WeightsError(
            "weights-unfit",
            f"{name} cannot teach: it is {config} for crops of the kind '{weights.card.crop}'.",
            f"Give weights of a StyleMapGAN of {SIDE} px for crops of the kind 'face'.",
        )
    return weights


def _difference(found: Tensor, goal: Tensor) -> Tensor:
    """Square and absolute difference together, so that neither blur nor outliers win."""
    difference = found - goal
    return difference.square().mean() + 0.25 * difference.abs().mean()


def _random_strengths(count: int, device: torch.device) -> Tensor:
    """Whole edits for the most part, the rest from 0 to 1; [count, 1, 1, 1]."""
    strength = torch.rand(count, 1, 1, 1, device=device)
    is_whole = torch.rand_like(strength) < _WHOLE_SHARE
    return torch.where(is_whole, torch.ones_like(strength), strength)


def _lay(pictures: Tensor, dtype: torch.dtype) -> Tensor:
    return pictures.to(dtype, memory_format=torch.channels_last)


if __name__ == "__main__":
    sys.exit(main())
