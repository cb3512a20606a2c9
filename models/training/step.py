"""One step of training StyleMapGAN: reconstructions, edits, pictures from noise, and the critic.

Source: StyleMapGAN (arXiv 2104.14754), section 3.2, whose losses are an adversarial one, the
reconstruction of stylemaps and of pictures, and a feature distance. Ours: edits as the product
makes them are inputs too, and the eyes' and the mouth's pixels count more.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import mesh
from models.blend import blend_maps
from models.feature_distance import FeatureDistance
from models.networks import STYLE_CHANNELS, Discriminator, Encoder, Generator
from models.training.composites import Composites, make_composites
from models.training.optimising import Optimiser, requires_grad
from models.training.regions import fill_polygons
from models.training.shards import SIDE


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each part of the loss counts; pictures are -1..1."""

    square: float = 2.0  # of the difference
    absolute: float = 0.5
    features: float = 1.2  # of `FeatureDistance`
    edits: float = 0.5  # an edit's feature distance, over a reconstruction's
    critic: float = 0.3
    noise: float = 0.8  # the critic's word on pictures from noise
    detail: float = 1.5  # how much more the eyes' and the mouth's pixels count
    r1: float = 1.0  # of the critic's gradient on real faces


NOISE_EVERY, R1_EVERY = 4, 16  # steps
_INPUT_NOISE, _NOISY_SHARE = 0.06, 0.4
_OUTSIDE_PX, _INSIDE_PX = 17, 9  # an edit's soft border belongs to neither side


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """What is trained."""

    encoder: Encoder
    generator: Generator
    critic: Discriminator

    @property
    def painting(self) -> tuple[nn.Module, nn.Module]:
        """Encoder and generator, which learn together."""
        return self.encoder, self.generator


class TrainingStep:
    """Takes one step of both optimisers on a batch of faces.

    dtype: of activations; parameters and losses are float32.
    """

    def __init__(
        self,
        networks: Networks,
        painting: Optimiser,
        judging: Optimiser,
        features: FeatureDistance,
        weights: LossWeights,
        dtype: torch.dtype,
    ) -> None:
        self._networks, self.features, self._weights = networks, features, weights
        self._painting, self._judging, self._dtype = painting, judging, dtype

    def __call__(
        self,
        faces: Tensor,
        landmarks: Tensor,
        choice: random.Random,
        *,
        number: int,
        lr: float,
        only_critic: bool = False,
    ) -> dict[str, Tensor]:
        """Learn from a batch.

        Shapes: faces [B, 3, 256, 256], -1..1, B even; landmarks [B, 478, 2], crop pixels.
        number: of the step; some parts come every few steps only. only_critic: paint, but do not
        learn to; a fresh critic must know faces before its word counts.
        Returns: losses by name, on the device, so that reading them is the caller's wait.
        """
        half = len(faces) // 2
        composites = make_composites(faces[:half], landmarks[:half], choice)
        look = _CriticsLook(choice)

        # Encoder and generator.
        requires_grad([self._networks.critic], wanted=False)
        painted, losses = self._painting_losses(faces, landmarks, composites)
        losses["critic"] = F.softplus(-self._judge(look(painted))).mean()
        total = losses["picture"] + losses["edit"] + self._weights.features * losses["features"]
        (total + self._weights.critic * losses["critic"]).backward()
        fakes = painted.detach()[half:]  # as many as real ones: reconstructions and edits
        if number % NOISE_EVERY == 1:
            from_noise = self._noise_step(max(1, half // 2), look, losses)
            fakes = torch.cat((fakes[len(from_noise) :], from_noise))
        if only_critic:
            self._painting.forget()
        else:
            self._painting.step(lr)

        # Critic.
        requires_grad([self._networks.critic], wanted=True)
        losses["fake"] = F.softplus(self._judge(look(fakes))).mean()
        losses["real"] = F.softplus(-self._judge(look(faces))).mean()
        (losses["fake"] + losses["real"]).backward()
        if number % R1_EVERY == 0:
            self._regularise(faces[: half // 2])
        self._judging.step(lr)
        return {name: loss.detach() for name, loss in losses.items()}

    def _painting_losses(
        self, faces: Tensor, landmarks: Tensor, composites: Composites
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Reconstructions of all faces and edits of the first half: pictures and losses."""
        count, half, weights = len(faces), len(composites.mask), self._weights
        encoder, generator = self._networks.encoder, self._networks.generator
        shown = torch.cat((_noised(faces), composites.paste))
        maps = generator.resize(encoder(self._lay(shown)))
        mine, theirs = [m[:half] for m in maps], [m[count:] for m in maps]
        edited = blend_maps(mine, theirs, composites.mask)
        levels = zip(maps, edited, strict=True)
        painted = generator.synthesise([torch.cat((m[:count], e)) for m, e in levels]).float()
        reconstructed, edits = painted[:count], painted[count:]

        emphasis = 1 + weights.detail * _eyes_and_mouth(landmarks)
        difference = reconstructed - faces
        picture = weights.square * (difference.square() * emphasis).mean()
        picture = picture + weights.absolute * (difference.abs() * emphasis).mean()

        # Off the mask an edit is the face, in it the paste; a plain mix has no goal of its own.
        mask = composites.mask
        outside = 1 - F.max_pool2d(mask, _OUTSIDE_PX, 1, _OUTSIDE_PX // 2)
        inside = 1 - F.max_pool2d(1 - mask, _INSIDE_PX, 1, _INSIDE_PX // 2)
        goal = torch.where(composites.is_plain, edits.detach(), composites.paste)
        edit = weights.square * ((edits - faces[:half]).square() * outside).mean()
        edit = edit + weights.square * ((edits - goal).square() * inside).mean()
        edit = edit + 0.4 * weights.absolute * (edits - goal).abs().mean()

        goals = torch.cat((faces, goal))
        distance = self.features(self._lay(painted), self._lay(goals))
        features = distance[:count].mean() + weights.edits * distance[count:].mean()
        return painted, {"picture": picture, "edit": edit, "features": features}

    def _noise_step(self, count: int, look: _CriticsLook, losses: dict[str, Tensor]) -> Tensor:
        """Learn from pictures of faces that nobody has. Returns: those pictures."""
        encoder, generator = self._networks.encoder, self._networks.generator
        device = next(generator.parameters()).device
        stylemap = generator.stylemap_from_noise(torch.randn(count, STYLE_CHANNELS, device=device))
        painted = generator(stylemap.to(self._dtype)).float()
        losses["noise"] = F.softplus(-self._judge(look(painted))).mean()
        found = encoder(self._lay(painted.detach())).float()
        losses["stylemap"] = (found - stylemap.detach()).square().mean()
        (self._weights.noise * losses["noise"] + losses["stylemap"]).backward()
        return painted.detach()

    def _regularise(self, faces: Tensor) -> None:
        """R1: the critic is flat around real faces (Mescheder et al., arXiv 1801.04406)."""
        faces = faces.detach().requires_grad_()
        logits = self._networks.critic(self._lay(faces))
        (slope,) = torch.autograd.grad(logits.sum(), faces, create_graph=True)
        penalty = slope.float().square().sum((1, 2, 3)).mean()
        (self._weights.r1 * R1_EVERY / 2 * penalty).backward()

    def _judge(self, pictures: Tensor) -> Tensor:
        return self._networks.critic(self._lay(pictures)).float()

    def _lay(self, pictures: Tensor) -> Tensor:
        """Pictures as the networks take them."""
        return pictures.to(self._dtype, memory_format=torch.channels_last)


class _CriticsLook:
    """The same change of colour and place for all that the critic sees in one step.

    Source: DiffAugment (Zhao et al., NeurIPS 2020, arXiv 2006.10738).
    """

    _SHIFT_PX = 8

    def __init__(self, choice: random.Random) -> None:
        self._gain, self._offset = choice.uniform(0.8, 1.2), choice.uniform(-0.15, 0.15)
        self._left, self._top = (choice.randint(0, 2 * self._SHIFT_PX) for _ in range(2))

    def __call__(self, pictures: Tensor) -> Tensor:
        edged = F.pad(pictures * self._gain + self._offset, [self._SHIFT_PX] * 4, mode="reflect")
        return edged[..., self._top : self._top + SIDE, self._left : self._left + SIDE]


def _noised(faces: Tensor) -> Tensor:
    """Some faces as a webcam in a dim room gives them."""
    count, device = len(faces), faces.device
    sigma = torch.rand(count, 1, 1, 1, device=device) * _INPUT_NOISE
    is_noisy = torch.rand(count, 1, 1, 1, device=device) < _NOISY_SHARE
    return faces + sigma * is_noisy * torch.randn_like(faces)


def _eyes_and_mouth(landmarks: Tensor) -> Tensor:
    """1 in the eyes and lips and what they enclose, [B, 1, 256, 256]."""
    side = SIDE // 2
    contours = (mesh.RIGHT_EYE, mesh.LEFT_EYE, mesh.LIPS)
    filled = sum(fill_polygons(landmarks[:, list(c)], side) for c in contours)
    grown = F.max_pool2d(torch.as_tensor(filled).clamp_max(1), 5, 1, 2)
    return F.interpolate(grown, size=(SIDE, SIDE), mode="nearest")
