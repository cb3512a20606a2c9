"""Distil a trained StyleMapGAN into the small model for CPUs.

    python -m models.training.distil DATA OUT --teacher face256 --kimg 1000

The small model learns three things at once: to reconstruct faces, to paint an edit as the teacher
does (before, after, paste), and the edit's correction in one pass. OUT gets what `train` writes.
docs/training.md tells the rest.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.blend import blend_maps
from models.feature_distance import FeatureDistance, FeatureWeightsError
from models.lite.config import LITE
from models.lite.networks import Features, LiteEncoder, LiteGenerator
from models.networks import Encoder, Generator, build
from models.training.augment import augment
from models.training.composites import Composites, make_composites
from models.training.crew import Crew, join
from models.training.faces import FaceBank
from models.training.flags import add_fields, complain
from models.training.optimising import Average, Optimiser, lay_channels_last, rate_at
from models.training.progress import Clock, Report
from models.training.regions import soften
from models.training.shards import ShardError
from models.training.sheets import save_grid
from models.training.state import StateError, load_state, save_state
from models.training.validation import arrays_of, validate
from models.weights import Card, WeightsError, load_weights, save_weights

_BETAS = (0.9, 0.99)
_HELD_OUT = 256
_LOOK_EVERY, _REPORT_EVERY, _FIRST_STEPS = 10, 100, 20  # steps
_SHEET_COLUMNS = 10
_WIDENED_PX, _WIDENED_SOFTNESS_PX = 9, 4.0  # as the product's composite


@dataclass(frozen=True, slots=True)
class DistilConfig:
    """Everything a run depends on; saved beside its results.

    Raises: ValueError if the numbers do not fit together.
    """

    data: str  # folder with train-*.npz and val-*.npz
    out: str
    teacher: str = "face256"  # weights of 256 px
    kimg: float | None = None  # thousand pictures to see in this call
    seconds: float | None = None  # or how long to train
    resume: bool = False  # go on from OUT's state
    batch: int = 64  # pictures a step
    lr: float = 0.002
    final_lr: float = 0.00005
    hold: float = 0.3  # share of the run before the rate falls
    warm_up: float = 0.02  # share of the run in which it rises
    average_kimg: float = 8.0  # half-life of the average of weights
    seed: int = 0
    features: str | None = None  # file of the feature network, if the package is not installed
    limit: int | None = None  # read so many faces only
    every_s: float = 240.0  # between saved states and sheets

    def __post_init__(self) -> None:
        if (self.kimg is None) == (self.seconds is None):
            raise ValueError("give one of --kimg and --seconds")
        if self.batch < 2:
            raise ValueError(f"batch is {self.batch}, must be 2 or more")
        if not 0 < self.final_lr <= self.lr:
            raise ValueError(f"final_lr is {self.final_lr}, must be above 0 and at most lr")


def main(arguments: list[str] | None = None) -> int:
    """Make the configuration, show it, launch."""
    options = _parser().parse_args(arguments)
    is_dry = options.__dict__.pop("dry_run")
    try:
        config = DistilConfig(**vars(options))
    except ValueError as error:
        return complain(str(error))
    print(json.dumps(asdict(config), indent=1), flush=True)
    if is_dry:
        return 0
    try:
        distil(config)
    except (ShardError, StateError, WeightsError, FeatureWeightsError) as error:
        return complain(str(error))
    return 0


def distil(config: DistilConfig) -> None:
    """Run the whole distillation, on one device.

    Raises: ShardError, StateError, WeightsError if what it starts from cannot be used.
    """
    run = _Run(config, join())
    run.loop()
    run.save()


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
    shown = soften(F.max_pool2d(mask, _WIDENED_PX, 1, _WIDENED_PX // 2), _WIDENED_SOFTNESS_PX)
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


class _Run:
    """The parts of a distillation and where it stands."""

    def __init__(self, config: DistilConfig, crew: Crew) -> None:
        self._config, self._crew = config, crew
        self._out = Path(config.out)
        (self._out / "sheets").mkdir(parents=True, exist_ok=True)
        self._dtype = torch.bfloat16 if crew.device.type == "cuda" else torch.float32
        self._report = Report(self._out / "losses.csv", is_on=True)

        # Data.
        data = Path(config.data)
        self._bank = FaceBank(data, "train-*.npz", crew.device, config.limit)
        held_out = min(_HELD_OUT, config.limit or _HELD_OUT)
        self._held_out = FaceBank(data, "val-*.npz", crew.device, held_out)
        self._report.say(f"{len(self._bank)} faces, {len(self._held_out)} held out")

        # Networks and optimiser.
        teacher = [network.to(crew.device) for network in build(load_weights(config.teacher))]
        self._features = FeatureDistance(config.features).to(crew.device, self._dtype)
        torch.manual_seed(config.seed)
        encoder = LiteEncoder(LITE).to(crew.device)
        generator = LiteGenerator(LITE).to(crew.device)
        for network in (*teacher, self._features, encoder, generator):
            lay_channels_last(network)
        self._teacher = Teacher(*teacher, self._dtype)  # type: ignore[arg-type]
        self._encoder, self._generator = encoder, generator
        self._average = Average(encoder, generator)
        self._optimiser = Optimiser([encoder, generator], config.lr, _BETAS)
        self._seen = self._step = 0
        if config.resume:
            facts = load_state(self._out, self._kept(), {"optimiser": self._optimiser})
            self._seen, self._step = facts["seen"], facts["step"]
            self._report.say(f"resumed at {self._seen} pictures")

    def loop(self) -> None:
        """Learn until the wanted pictures or seconds are over."""
        config, crew = self._config, self._crew
        first_step, first_seen = self._step, self._seen
        clock = Clock(config.seconds, config.every_s)
        progress = 0.0
        while progress < 1.0:
            crew.seed(config.seed, self._step)
            choice = random.Random(hash((config.seed, self._step)))  # noqa: S311 - no secret
            faces, landmarks = augment(*self._bank.draw(config.batch), choice)
            edits = make_composites(faces, landmarks, choice)
            strength = _random_strengths(config.batch, crew.device)
            edits = Composites(edits.paste, edits.mask * strength, edits.is_plain)
            taught = self._teacher.follow(faces, edits.paste, edits.mask)
            with torch.autocast(crew.device.type, self._dtype, enabled=crew.device.type == "cuda"):
                losses = small_model_losses(
                    self._encoder,
                    self._generator,
                    self._features,
                    faces,
                    edits,
                    taught,
                    self._dtype,
                )
            torch.stack([_WEIGHTS[name] * loss for name, loss in losses.items()]).sum().backward()
            self._optimiser.step(
                rate_at(progress, config.warm_up, config.lr, config.final_lr, config.hold)
            )
            done = self._step - first_step
            self._step, self._seen = self._step + 1, self._seen + config.batch
            half_life = min(1000 * config.average_kimg, max(1000.0, (self._seen - first_seen) / 4))
            self._average.update(config.batch, half_life)

            if config.kimg is not None:
                progress = (self._seen - first_seen) / (1000 * config.kimg)
            elif done % _LOOK_EVERY == 0:
                progress = clock.progress()
            if done == _FIRST_STEPS:
                crew.wait()
                self._report.started(self._seen)
            elif self._step % _REPORT_EVERY == 0:
                self._report.losses(self._seen, progress, losses)
            if clock.is_time_to_save() and progress < 1.0:
                self.save()

    def save(self) -> None:
        """Write state, weights and a sheet."""
        facts = {"seen": self._seen, "step": self._step} | {"config": asdict(self._config)}
        save_state(self._out, facts, self._kept(), {"optimiser": self._optimiser})
        encoder, generator = self._average.encoder, self._average.generator
        with self._half():
            numbers = validate(
                lambda x: generator(encoder(x)[0]), self._held_out, self._features, self._dtype
            )
        self._draw_sheet(self._out / "sheets" / f"{self._seen // 1000:06d}.png")
        numbers["pictures_seen"] = float(self._seen)
        arrays = [arrays_of(network) for network in (encoder, generator)]
        save_weights(self._out, Card("weights", LITE, "face", "", "", numbers), *arrays)
        self._report.say(" ".join(f"{name} {value:.4g}" for name, value in numbers.items()))

    @torch.no_grad()
    def _draw_sheet(self, path: Path) -> None:
        """Faces, reconstructions; then pastes, and what the teacher and the small model make."""
        encoder, generator = self._average.encoder, self._average.generator
        faces, landmarks = self._held_out.at(slice(0, _SHEET_COLUMNS))
        with self._half():
            rows = [faces, generator(encoder(_lay(faces, self._dtype))[0])]
        with torch.random.fork_rng(devices=[faces.device] if faces.is_cuda else []):
            torch.manual_seed(5)
            for number in range(3):
                edits = make_composites(faces, landmarks, random.Random(number))  # noqa: S311
                mask, paste = edits.mask, edits.paste
                shown = soften(
                    F.max_pool2d(mask, _WIDENED_PX, 1, _WIDENED_PX // 2), _WIDENED_SOFTNESS_PX
                )
                before, after, pasted = self._teacher.follow(faces, paste, mask)
                base = torch.lerp(faces, paste, mask)
                taught = base + shown * (after - torch.lerp(before, pasted, mask))
                pair = tuple(_lay(p, self._dtype) for p in (faces, paste))
                with self._half():
                    seen = tuple(encoder(p) for p in pair)
                    found = generator.correct(pair, seen, mask.to(self._dtype))  # type: ignore[arg-type]
                rows += [base, taught, base + shown * found.float()]
        save_grid(path, rows)

    def _half(self) -> torch.autocast:
        """Where the small model's convolutions run in half precision, if the device is a GPU."""
        device = self._crew.device.type
        return torch.autocast(device, self._dtype, enabled=device == "cuda")

    def _kept(self) -> dict[str, nn.Module]:
        """What a state holds, by its names there."""
        return {
            "encoder": self._encoder,
            "generator": self._generator,
            "average_encoder": self._average.encoder,
            "average_generator": self._average.generator,
        }


def _difference(found: Tensor, goal: Tensor) -> Tensor:
    """Square and absolute difference together, so that neither blur nor outliers win."""
    difference = found - goal
    return difference.square().mean() + 0.25 * difference.abs().mean()


def _random_strengths(count: int, device: torch.device) -> Tensor:
    """Whole edits for the most part, the rest from 0 to 1; [count, 1, 1, 1]."""
    strength = torch.rand(count, 1, 1, 1, device=device)
    return torch.where(torch.rand_like(strength) < 0.4, torch.ones_like(strength), strength)


def _lay(pictures: Tensor, dtype: torch.dtype) -> Tensor:
    return pictures.to(dtype, memory_format=torch.channels_last)


def _parser() -> argparse.ArgumentParser:
    """A flag for every field of the configuration."""
    parser = argparse.ArgumentParser(
        prog="python -m models.training.distil",
        description="Distil a trained StyleMapGAN into the small model for CPUs.",
    )
    add_fields(parser, DistilConfig, positional=("data", "out"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
