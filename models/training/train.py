"""Train StyleMapGAN on shards of faces.

    python -m models.training.train DATA OUT --kimg 400
    torchrun --nproc-per-node=2 -m models.training.train DATA OUT --seconds 3600 --resume

OUT gets `state.*` (resumable to the picture), `weights.safetensors` with its card, `losses.csv`
and `sheets/`. What is drawn in a step depends on the seed and the number of the step alone, so a
run that is resumed sees what it would have seen. docs/training.md tells the rest.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from models.feature_distance import FeatureDistance, FeatureWeightsError
from models.networks import Discriminator, Encoder, Generator, NetworkConfig, build
from models.training.augment import augment
from models.training.crew import Crew, join
from models.training.faces import FaceBank
from models.training.flags import add_fields, complain
from models.training.noise import fit_mapping
from models.training.optimising import Average, Optimiser, lay_channels_last, rate_at
from models.training.progress import Clock, Report
from models.training.shards import ShardError
from models.training.sheets import draw_sheet
from models.training.state import StateError, load_state, save_state
from models.training.step import LossWeights, Networks, TrainingStep
from models.training.validation import arrays_of, validate
from models.weights import Card, WeightsError, load_weights, save_weights

_BETAS = (0.0, 0.99)
_HELD_OUT = 256  # faces at most that are measured at each save
_LOOK_EVERY, _REPORT_EVERY, _FIRST_STEPS = 10, 100, 20  # steps
_SHORTEST_HALF_LIFE = 1000.0  # pictures; the average follows fast at first


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything a run depends on; saved beside its results.

    Raises: ValueError if the numbers do not fit together.
    """

    data: str  # folder with train-*.npz and val-*.npz
    out: str
    kimg: float | None = None  # thousand pictures to see in this call
    seconds: float | None = None  # or how long to train
    start: str = "scratch"  # weights to start from: a name, a path, or scratch
    resume: bool = False  # go on from OUT's state
    size: int = 256
    stylemap_size: int = 16
    multiplier: int = 1
    batch: int = 64  # pictures a step and process
    lr: float = 0.002
    final_lr: float = 0.0001
    hold: float = 0.55  # share of the run before the rate falls
    warm_up: float = 0.02  # share of the run in which it rises
    critic_first: int = 150  # steps in which only a fresh critic learns
    fit_mapping: bool = False  # start the mapping network at the faces' principal components
    average_kimg: float = 12.0  # half-life of the average of weights
    seed: int = 0
    features: str | None = None  # file of the feature network, if the package is not installed
    limit: int | None = None  # read so many faces only
    every_s: float = 240.0  # between saved states and sheets

    def __post_init__(self) -> None:
        if (self.kimg is None) == (self.seconds is None):
            raise ValueError("give one of --kimg and --seconds")
        if self.batch < 4 or self.batch % 4:
            raise ValueError(f"batch is {self.batch}, must be a multiple of 4")
        if not 0 < self.final_lr <= self.lr:
            raise ValueError(f"final_lr is {self.final_lr}, must be above 0 and at most lr")
        _ = self.network  # its own checks

    @property
    def network(self) -> NetworkConfig:
        """The member of the family that is trained."""
        return NetworkConfig(self.size, self.stylemap_size, self.multiplier, light=True)


def main(arguments: list[str] | None = None) -> int:
    """Make the configuration, show it, launch."""
    options = _parser().parse_args(arguments)
    is_dry = options.__dict__.pop("dry_run")
    try:
        config = TrainConfig(**vars(options))
    except ValueError as error:
        return complain(str(error))
    print(json.dumps(asdict(config), indent=1), flush=True)
    if is_dry:
        return 0
    try:
        train(config)
    except (ShardError, StateError, WeightsError, FeatureWeightsError) as error:
        return complain(str(error))
    return 0


def train(config: TrainConfig) -> None:
    """Run the whole training.

    Raises: ShardError, StateError, WeightsError if what it starts from cannot be used.
    """
    crew = join()
    try:
        run = _Run(config, crew)
        run.loop()
        run.save()
    finally:
        crew.leave()


class _Run:
    """The parts of a training and where it stands."""

    def __init__(self, config: TrainConfig, crew: Crew) -> None:
        self._config, self._crew = config, crew
        self._out = Path(config.out)
        (self._out / "sheets").mkdir(parents=True, exist_ok=True)
        self._dtype = torch.bfloat16 if crew.device.type == "cuda" else torch.float32
        self._report = Report(self._out / "losses.csv", is_on=crew.rank == 0)

        # Data.
        data = Path(config.data)
        self._bank = FaceBank(data, "train-*.npz", crew.device, config.limit)
        held_out = min(_HELD_OUT, config.limit or _HELD_OUT)
        self._held_out = FaceBank(data, "val-*.npz", crew.device, held_out)
        self._report.say(f"{len(self._bank)} faces, {len(self._held_out)} held out")

        # Networks and optimisers.
        torch.manual_seed(config.seed)
        encoder, generator = _start(config)
        self._networks = Networks(encoder, generator, Discriminator(config.network))
        for network in (encoder, generator, self._networks.critic):
            network.requires_grad_(requires_grad=True).train()
            lay_channels_last(network.to(crew.device))
        self._average = Average(encoder, generator)
        self._optimisers = {
            "painting": Optimiser([encoder, generator], config.lr, _BETAS),
            "judging": Optimiser([self._networks.critic], config.lr, _BETAS),
        }
        self._seen = self._step = 0  # pictures, steps
        self._critic_first = config.critic_first
        if config.resume:
            facts = load_state(self._out, self._kept(), self._optimisers)
            self._seen, self._step, self._critic_first = facts["seen"], facts["step"], 0
            self._report.say(f"resumed at {self._seen} pictures")
        elif config.fit_mapping:
            left = fit_mapping(encoder, generator, self._bank, self._dtype)
            self._average = Average(encoder, generator)
            self._report.say(f"mapping fitted, {100 * left:.0f} % of the variance left")
        crew.broadcast(self._kept().values())

        features = FeatureDistance(config.features).to(crew.device, self._dtype)
        lay_channels_last(features)
        self._learn = TrainingStep(
            self._networks,
            self._optimisers["painting"],
            self._optimisers["judging"],
            features,
            LossWeights(),
            self._dtype,
        )

    def loop(self) -> None:
        """Learn until the wanted pictures or seconds are over, the same on all processes."""
        config, crew = self._config, self._crew
        first_step, first_seen = self._step, self._seen
        clock = Clock(config.seconds, config.every_s)
        progress = 0.0
        while progress < 1.0:
            crew.seed(config.seed, self._step)
            choice = random.Random(hash((config.seed, self._step)))  # noqa: S311 - no secret
            faces, landmarks = augment(*self._bank.draw(config.batch), choice)
            done = self._step - first_step
            losses = self._learn(
                faces,
                landmarks,
                choice,
                number=self._step,
                lr=rate_at(progress, config.warm_up, config.lr, config.final_lr, config.hold),
                only_critic=done < self._critic_first,
            )
            count = config.batch * crew.count
            self._step, self._seen = self._step + 1, self._seen + count
            if done >= self._critic_first:
                ramp = max(_SHORTEST_HALF_LIFE, (self._seen - first_seen) / 4)
                self._average.update(count, min(1000 * config.average_kimg, ramp))

            if config.kimg is not None:
                progress = (self._seen - first_seen) / (1000 * config.kimg)
            elif done % _LOOK_EVERY == 0:
                progress = crew.agree(clock.progress())
            if done == _FIRST_STEPS:  # kernels are built and chosen by now
                crew.wait()
                self._report.started(self._seen)
            elif self._step % _REPORT_EVERY == 0:
                self._report.losses(self._seen, progress, losses)
            if clock.is_time_to_save() and progress < 1.0:
                self.save()

    def save(self) -> None:
        """Write state, weights and a sheet; the first process does."""
        if self._crew.rank:
            return
        facts = {"seen": self._seen, "step": self._step} | {"config": asdict(self._config)}
        save_state(self._out, facts, self._kept(), self._optimisers)
        encoder, generator = self._average.encoder, self._average.generator
        features = self._learn.features
        numbers = validate(lambda x: generator(encoder(x)), self._held_out, features, self._dtype)
        numbers["pictures_seen"] = float(self._seen)
        arrays = [arrays_of(network) for network in (encoder, generator)]
        card = Card("weights", self._config.network, "face", "", "", numbers)
        save_weights(self._out, card, *arrays)
        sheet = self._out / "sheets" / f"{self._seen // 1000:06d}.png"
        draw_sheet(sheet, encoder, generator, self._held_out, self._dtype)
        self._report.say(" ".join(f"{name} {value:.4g}" for name, value in numbers.items()))

    def _kept(self) -> dict[str, nn.Module]:
        """What a state holds, by its names there."""
        return {
            "encoder": self._networks.encoder,
            "generator": self._networks.generator,
            "critic": self._networks.critic,
            "average_encoder": self._average.encoder,
            "average_generator": self._average.generator,
        }


def _start(config: TrainConfig) -> tuple[Encoder, Generator]:
    """Networks of new weights, or of stored ones.

    Raises: WeightsError.
    """
    if config.start == "scratch":
        return Encoder(config.network), Generator(config.network)
    weights = load_weights(config.start)
    if weights.card.config != config.network:
        raise WeightsError(
            "weights-card-invalid",
            f"The weights {config.start} are of {weights.card.config}, not {config.network}.",
            "Give --size, --stylemap-size and --multiplier as they have them.",
        )
    return build(weights)


def _parser() -> argparse.ArgumentParser:
    """A flag for every field of the configuration."""
    parser = argparse.ArgumentParser(
        prog="python -m models.training.train", description="Train StyleMapGAN on shards of faces."
    )
    add_fields(parser, TrainConfig, positional=("data", "out"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
