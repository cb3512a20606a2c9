"""The loop that `train` and `distil` run: draw faces, learn, report, save.

One call trains for a *stretch*, over which the learning rate rises, holds and falls. A stretch that
was cut goes on where its state was saved, at the same place of its rate; after a finished one a new
one begins. What is drawn in a step follows from the seed and the number of the step alone, so a run
that is resumed sees what it would have seen.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.feature_distance import FeatureDistance
from models.lite.config import LiteConfig
from models.training.augment import augment
from models.training.crew import Crew, join
from models.training.faces import FaceBank
from models.training.optimising import Average, Optimiser, lay_channels_last, rate_at
from models.training.progress import Clock, Report
from models.training.state import StateError, has_state, load_state, save_state
from models.training.validation import arrays_of, validate
from models.weights import Card, save_weights

_HELD_OUT = 256  # faces at most that are measured at each save
_LOOK_EVERY, _REPORT_EVERY, _FIRST_STEPS = 10, 100, 20  # steps
_SHORTEST_HALF_LIFE = 1000.0  # pictures; the average follows fast at first


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What every training depends on; saved beside its results.

    Raises: ValueError if the numbers do not fit together.
    """

    data: str  # folder with train-*.npz and val-*.npz
    out: str
    kimg: float | None = None  # how long the stretch is, in thousand pictures
    seconds: float | None = None  # or in seconds
    resume: bool = False  # go on from OUT's state
    batch: int = 64  # pictures a step and process
    lr: float = 0.002
    final_lr: float = 0.0001
    hold: float = 0.55  # share of the stretch before the rate falls
    warm_up: float = 0.02  # share of the stretch in which it rises
    average_kimg: float = 12.0  # half-life of the average of weights
    seed: int = 0
    features: str | None = None  # file of the feature network, if the package is not installed
    limit: int | None = None  # read so many faces only
    every_s: float = 240.0  # between saved states and sheets

    def __post_init__(self) -> None:
        if (self.kimg is None) == (self.seconds is None):
            raise ValueError("give one of --kimg and --seconds: how long to train")
        if (self.kimg or self.seconds or 0) <= 0:
            raise ValueError("--kimg and --seconds must be above 0")
        if self.batch < 4 or self.batch % 4:
            raise ValueError(f"batch is {self.batch}, must be a multiple of 4")
        if not 0 < self.final_lr <= self.lr:
            raise ValueError(f"final_lr is {self.final_lr}, must be above 0 and at most lr")
        for name in ("hold", "warm_up"):
            if not 0 <= (share := getattr(self, name)) <= 1:
                raise ValueError(f"{name} is {share}, must be 0 to 1")
        if self.average_kimg <= 0 or self.every_s < 0:
            raise ValueError("average_kimg must be above 0 and every_s not below it")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit is {self.limit}, must be 1 or more")


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a training stands on, whatever it trains."""

    crew: Crew
    dtype: torch.dtype  # of activations
    features: FeatureDistance
    faces: FaceBank
    held_out: FaceBank
    report: Report


class Learner(Protocol):
    """What is trained."""

    @property
    def config(self) -> NetworkConfig | LiteConfig:
        """Of the networks in `average`, for the weights' card."""
        ...

    average: Average[Any, Any]
    """The networks that are kept, measured and shown."""

    optimisers: dict[str, Optimiser]

    def learn(
        self, faces: Tensor, landmarks: Tensor, choice: random.Random, *, number: int, lr: float
    ) -> dict[str, Tensor]:
        """Take step `number` on a batch; losses by name, on the device."""
        ...

    def reconstruct(self, faces: Tensor) -> Tensor:
        """Encode and decode by the averaged networks."""
        ...

    def draw_sheet(self, path: Path, faces: FaceBank) -> None:
        """Write a PNG of what the averaged networks make of faces."""
        ...

    def kept(self) -> dict[str, nn.Module]:
        """The networks that a state holds, by their names there."""
        ...


@dataclass(slots=True)
class _Place:
    """Where a run stands."""

    seen: int = 0  # pictures
    step: int = 0
    began: int = 0  # pictures seen when the stretch began
    spent_s: float = 0.0  # of the stretch


def run(config: RunConfig, make: Callable[[Ground], Learner]) -> None:
    """Train what `make` makes for one stretch.

    Raises: ShardError, StateError, FeatureWeightsError if what it starts from cannot be used.
    """
    crew = join()
    try:
        ground = _ground(config, crew)
        torch.manual_seed(config.seed)
        learner = make(ground)
        loop(config, ground, learner)
    finally:
        crew.leave()


def _ground(config: RunConfig, crew: Crew) -> Ground:
    """Make the folder, read the data: what fails fast comes first."""
    out, data = Path(config.out), Path(config.data)
    if has_state(out) and not config.resume:
        raise StateError(
            f"{out} holds the state of a training, which would be lost. Go on with it by --resume, "
            "or name another folder."
        )
    try:
        (out / "sheets").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"{out} cannot be written: {error.strerror}. Name another.") from error
    report = Report(out / "losses.csv", is_on=crew.rank == 0)
    dtype = torch.bfloat16 if crew.device.type == "cuda" else torch.float32
    features = FeatureDistance(config.features).to(crew.device, dtype)
    lay_channels_last(features)
    held_out = FaceBank(data, "val-*.npz", crew.device, min(_HELD_OUT, config.limit or _HELD_OUT))
    faces = FaceBank(data, "train-*.npz", crew.device, config.limit)
    report.say(f"{len(faces)} faces, {len(held_out)} held out")
    return Ground(crew, dtype, features, faces, held_out, report)


def loop(config: RunConfig, ground: Ground, learner: Learner) -> None:
    """Learn until the stretch is over, the same on all processes; the first one reports and saves.

    A state is saved every `every_s` seconds and at the end. Losses that are no numbers end the
    training before they are saved.
    Raises: StateError if there is no state to resume, or the training has diverged.
    """
    crew, report = ground.crew, ground.report
    place = _resumed(config, ground, learner) if config.resume else _Place()
    crew.broadcast(learner.kept().values())

    clock = Clock(config.seconds, config.every_s, place.spent_s)
    progress = _progress(config, place, clock, crew)
    if progress >= 1.0:  # the stretch that was cut is longer than what is wanted now
        place.began, progress = place.seen, 0.0
        clock = Clock(config.seconds, config.every_s)
    report.mark(place.seen, progress)
    first_step = place.step
    losses: dict[str, Tensor] = {}
    while progress < 1.0:
        # Faces; all chance follows from the seed and the number of the step.
        crew.seed(config.seed, place.step)
        choice = random.Random(hash((config.seed, place.step)))  # noqa: S311 - no secret
        faces, landmarks = augment(*ground.faces.draw(config.batch), choice)

        # A step.
        lr = rate_at(progress, config.warm_up, config.lr, config.final_lr, config.hold)
        losses = learner.learn(faces, landmarks, choice, number=place.step, lr=lr)
        count = config.batch * crew.count
        place.step, place.seen = place.step + 1, place.seen + count
        ramp = max(_SHORTEST_HALF_LIFE, (place.seen - place.began) / 4)
        learner.average.update(count, min(1000 * config.average_kimg, ramp))

        # How far the stretch is.
        done = place.step - first_step
        if config.kimg is not None or done % _LOOK_EVERY == 1:  # others' clocks are waited for
            progress = _progress(config, place, clock, crew)

        # Report and save.
        if done == _FIRST_STEPS:  # kernels are built and chosen by now
            crew.wait()
            report.say("first steps done")
            report.mark(place.seen, progress)
        elif place.step % _REPORT_EVERY == 0 or progress >= 1.0:
            report.losses(place.seen, progress, losses)
        if clock.is_time_to_save() and progress < 1.0:
            place.spent_s = clock.spent_s()
            _save(config, ground, learner, place, losses)

    place.began, place.spent_s = place.seen, 0.0  # the next stretch's
    _save(config, ground, learner, place, losses)


def _progress(config: RunConfig, place: _Place, clock: Clock, crew: Crew) -> float:
    """Which part of the stretch is over, the same on all processes."""
    if config.kimg is not None:
        return (place.seen - place.began) / (1000 * config.kimg)
    return crew.agree(clock.progress())


def _resumed(config: RunConfig, ground: Ground, learner: Learner) -> _Place:
    """Fill the learner from OUT's state; where that stood."""
    facts = load_state(Path(config.out), learner.kept(), learner.optimisers)
    try:
        place = _Place(**{name: facts[name] for name in ("seen", "step", "began", "spent_s")})
    except KeyError as error:
        raise StateError(f"The state in {config.out} lacks {error}: it is another's.") from error
    ground.report.say(f"resumed at {place.seen} pictures")
    return place


def _save(
    config: RunConfig,
    ground: Ground,
    learner: Learner,
    place: _Place,
    losses: dict[str, Tensor],
) -> None:
    """Write state, weights, their figures and a sheet; the first process does."""
    if ground.crew.rank:
        return
    for name, loss in losses.items():
        if not math.isfinite(float(loss)):
            raise StateError(
                f"The training has diverged: its loss '{name}' is {float(loss)} after {place.seen} "
                f"pictures. Nothing of it was saved: --resume with a lower --lr goes on from the "
                f"state before, if {config.out} has one."
            )
    out = Path(config.out)
    facts = asdict(place) | {"config": asdict(config)}
    save_state(out, facts, learner.kept(), learner.optimisers)

    numbers = validate(learner.reconstruct, ground.held_out, ground.features, ground.dtype)
    encoder, generator = learner.average.encoder, learner.average.generator
    card = Card(
        "weights", learner.config, "face", "", "", numbers | {"pictures_seen": float(place.seen)}
    )
    save_weights(out, card, arrays_of(encoder), arrays_of(generator))
    learner.draw_sheet(out / "sheets" / f"{place.seen:09d}.png", ground.held_out)
    ground.report.figures(place.seen, numbers)
