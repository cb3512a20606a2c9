"""One step: who learns in it, and that it depends on its faces, seed and number alone."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from models.feature_distance import FeatureDistance
from models.networks import Discriminator, Encoder, Generator, NetworkConfig
from models.training import composites, regions, step, warping
from models.training.faces import FaceBank
from models.training.optimising import Optimiser
from models.training.shards import SIDE
from models.training.step import NOISE_EVERY, R1_EVERY, LossWeights, Networks, TrainingStep

Stepping = tuple[Networks, TrainingStep]
SMALL = NetworkConfig(size=64, stylemap_size=16, multiplier=1, light=True)


@pytest.fixture(scope="module")
def features() -> FeatureDistance:
    """The feature network."""
    return FeatureDistance()


@pytest.fixture
def make(
    features: FeatureDistance, narrow: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Stepping]:
    """Makes the same untaught networks for crops of 64 px, and a step over them, each time."""
    for module in (composites, regions, step, warping):
        monkeypatch.setattr(module, "SIDE", SMALL.size)

    def networks() -> Stepping:
        torch.manual_seed(3)
        made = Networks(Encoder(SMALL), Generator(SMALL), Discriminator(SMALL))
        painting = Optimiser(made.painting, 0.002, (0.0, 0.99))
        judging = Optimiser([made.critic], 0.002, (0.0, 0.99))
        return made, TrainingStep(made, painting, judging, features, LossWeights(), torch.float32)

    return networks


@pytest.fixture(scope="module")
def batch(bank: FaceBank) -> tuple[Tensor, Tensor]:
    """Four faces and their landmarks, 64 px wide."""
    faces, landmarks = bank.at(slice(0, 4))
    return interpolate(faces, size=(64, 64), mode="area"), landmarks * (SMALL.size / SIDE)


def _values(*networks: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for network in networks for p in network.parameters()]


def _same(before: list[torch.Tensor], after: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def _take(
    stepping: Stepping, batch: tuple[Tensor, Tensor], number: int, *, only_critic: bool = False
) -> dict[str, float]:
    torch.manual_seed(number)
    losses = stepping[1](
        *batch, random.Random(number), number=number, lr=0.002, only_critic=only_critic
    )
    return {name: float(loss) for name, loss in losses.items()}


def test_a_fresh_critic_learns_alone(
    make: Callable[[], Stepping], batch: tuple[Tensor, Tensor]
) -> None:
    """Where only the critic learns, encoder and generator stay as they are; then they learn too."""
    networks, _ = stepping = make()
    painting, critic = _values(*networks.painting), _values(networks.critic)
    _take(stepping, batch, NOISE_EVERY + 1, only_critic=True)
    assert _same(painting, _values(*networks.painting))
    assert not _same(critic, _values(networks.critic))
    _take(stepping, batch, 2)
    assert not _same(painting, _values(*networks.painting))


def test_a_step_knows_nothing_of_what_ran_before(
    make: Callable[[], Stepping], batch: tuple[Tensor, Tensor]
) -> None:
    """The same weights, faces, seed and number give the same step, whatever was drawn before."""
    found = []
    for draws in (0, 7):
        networks, _ = stepping = make()
        torch.randn(draws)
        random.seed(draws)
        losses = _take(stepping, batch, NOISE_EVERY + 1)  # one with pictures from noise
        found.append((losses, _values(*networks.painting, networks.critic)))
    assert found[0][0] == found[1][0]
    assert _same(found[0][1], found[1][1])
    assert set(found[0][0]) == {
        "picture", "edit", "features", "critic", "noise", "stylemap", "fake", "real",
    }  # fmt: skip


def test_learning_one_batch_by_heart_lowers_its_losses(
    make: Callable[[], Stepping], batch: tuple[Tensor, Tensor]
) -> None:
    """Six steps on the same four faces bring pictures and edits nearer to them."""
    stepping = make()
    losses = [_take(stepping, batch, number) for number in range(6)]
    for name in ("picture", "edit", "features"):
        assert losses[-1][name] < losses[0][name]


def test_regularising_flattens_the_critic_around_faces(
    make: Callable[[], Stepping], batch: tuple[Tensor, Tensor]
) -> None:
    """Steps with R1 leave the critic's slope at real faces smaller than steps without it."""
    slopes = []
    for number in (R1_EVERY, 2):
        networks, _ = stepping = make()
        for _ in range(3):
            _take(stepping, batch, number, only_critic=True)
        faces = batch[0].clone().requires_grad_()
        (slope,) = torch.autograd.grad(networks.critic(faces).sum(), faces)
        slopes.append(float(slope.square().sum()))
    assert slopes[0] < 0.8 * slopes[1]
