"""Train StyleMapGAN on shards of faces.

    python -m models.training.train DATA OUT --kimg 400
    torchrun --nproc-per-node=2 -m models.training.train DATA OUT --seconds 3600 --resume

OUT gets `state-*.safetensors` and `state.json` (resumable to the picture), `weights.safetensors`
with its card, `losses.csv` and `sheets/`. docs/training.md tells the rest; the loop is `loop.py`,
what a step does `step.py`.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from models.networks import Discriminator, Encoder, Generator, NetworkConfig, build
from models.training.faces import FaceBank
from models.training.flags import launch
from models.training.loop import Ground, RunConfig, run
from models.training.noise import fit_mapping
from models.training.optimising import Average, Optimiser, lay_channels_last
from models.training.shards import SIDE
from models.training.sheets import draw_sheet
from models.training.step import LossWeights, Networks, TrainingStep
from models.weights import Weights, WeightsError, load_weights

_BETAS = (0.0, 0.99)  # as StyleMapGAN's own training (arXiv 2104.14754, supplement)


@dataclass(frozen=True, slots=True)
class TrainConfig(RunConfig):
    """Everything a training depends on.

    Raises: ValueError if the numbers do not fit together.
    """

    start: str = "scratch"  # weights to start from: a name, a path, or scratch
    stylemap_size: int = 16
    multiplier: int = 1
    critic_first: int = 150  # steps in which only the fresh critic learns
    fit_mapping: bool = False  # start the mapping network at the faces' principal components

    def __post_init__(self) -> None:
        RunConfig.__post_init__(self)
        if self.critic_first < 0:
            raise ValueError(f"critic_first is {self.critic_first}, must be 0 or more")
        _ = self.network  # its own checks

    @property
    def network(self) -> NetworkConfig:
        """The member of the family that is trained."""
        return NetworkConfig(SIDE, self.stylemap_size, self.multiplier, light=True)


def main(arguments: list[str] | None = None) -> int:
    """Make the configuration, show it, train. Returns: the exit status."""
    return launch(
        "python -m models.training.train",
        "Train StyleMapGAN on shards of faces.",
        TrainConfig,
        train,
        arguments,
    )


def train(config: TrainConfig) -> None:
    """Train for one stretch.

    Raises: ShardError, StateError, WeightsError, FeatureWeightsError if what it starts from cannot
    be used.
    """
    weights = None if config.start == "scratch" else _start(config)
    run(config, lambda ground: Training(config, weights, ground))


class Training:
    """Encoder, generator and critic, their optimisers and average (a `loop.Learner`)."""

    def __init__(self, config: TrainConfig, weights: Weights | None, ground: Ground) -> None:
        self.config, self._critic_first = config.network, config.critic_first
        self._dtype, device = ground.dtype, ground.crew.device

        # Networks.
        if weights is None:
            encoder, generator = Encoder(self.config), Generator(self.config)
        else:
            encoder, generator = build(weights)
        self._networks = Networks(encoder, generator, Discriminator(self.config))
        for network in (encoder, generator, self._networks.critic):
            network.requires_grad_(requires_grad=True).train()
            lay_channels_last(network.to(device))
        if config.fit_mapping and not config.resume:
            missed = fit_mapping(encoder, generator, ground.faces, self._dtype)
            ground.report.say(f"mapping fitted, {100 * missed:.0f} % of the variance missed")
        self.average = Average(encoder, generator)

        # What moves them.
        painting = Optimiser([encoder, generator], config.lr, _BETAS)
        judging = Optimiser([self._networks.critic], config.lr, _BETAS)
        self.optimisers = {"painting": painting, "judging": judging}
        self._step = TrainingStep(
            self._networks, painting, judging, ground.features, LossWeights(), self._dtype
        )

    def learn(
        self, faces: Tensor, landmarks: Tensor, choice: random.Random, *, number: int, lr: float
    ) -> dict[str, Tensor]:
        """Take step `number`; the first ones are the critic's alone."""
        only_critic = number < self._critic_first
        return self._step(faces, landmarks, choice, number=number, lr=lr, only_critic=only_critic)

    def reconstruct(self, faces: Tensor) -> Tensor:
        """Encode and decode by the averaged networks."""
        return self.average.generator(self.average.encoder(faces))

    def draw_sheet(self, path: Path, faces: FaceBank) -> None:
        """Write a PNG: faces, reconstructions, edits, faces from noise."""
        draw_sheet(path, self.average.encoder, self.average.generator, faces, self._dtype)

    def kept(self) -> dict[str, nn.Module]:
        """What a state holds, by its names there."""
        return {
            "encoder": self._networks.encoder,
            "generator": self._networks.generator,
            "critic": self._networks.critic,
            "average_encoder": self.average.encoder,
            "average_generator": self.average.generator,
        }


def _start(config: TrainConfig) -> Weights:
    """Weights to start from.

    Raises: WeightsError if they cannot be read, or are of another network or crop.
    """
    weights = load_weights(config.start)
    if weights.card.config != config.network or weights.card.crop != "face":
        raise WeightsError(
            "weights-unfit",
            f"The weights {config.start} are of {weights.card.config} and crops of the kind "
            f"'{weights.card.crop}'; trained is {config.network} on crops of the kind 'face'.",
            "Give --stylemap-size and --multiplier as the weights have them, or others.",
        )
    return weights


if __name__ == "__main__":
    sys.exit(main())
