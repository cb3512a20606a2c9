"""The loop: it ends when told, goes on where it was cut, saves what is whole."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.lite.config import LITE, LiteConfig
from models.training import loop as module
from models.training.faces import FaceBank
from models.training.loop import Ground, RunConfig, run
from models.training.optimising import Average, Optimiser
from models.training.state import StateError
from models.weights import load_weights


class Counting:
    """A learner of two numbers that notes what it is asked; `fail_at` raises in that step."""

    def __init__(self, fail_at: int | None = None, error: BaseException | None = None) -> None:
        torch.manual_seed(3)
        self.networks = nn.Linear(3, 1), nn.Linear(1, 1)
        self.average = Average(*self.networks)
        self.optimisers = {"both": Optimiser(self.networks, 0.01, (0.9, 0.99))}
        self.asked: list[tuple[int, float, float]] = []  # step, rate, a pixel
        self.loss, self._fail_at, self._error = 0.5, fail_at, error
        self.sheets: list[str] = []

    @property
    def config(self) -> LiteConfig:
        """Of a small model, for the card."""
        return LITE

    def learn(
        self, faces: Tensor, landmarks: Tensor, choice: random.Random, *, number: int, lr: float
    ) -> dict[str, Tensor]:
        """Note, and learn the faces' mean colour."""
        if number == self._fail_at and self._error is not None:
            raise self._error
        encoder, generator = self.networks
        self.asked.append((number, lr, float(faces[0, 0, 128, 128]) + choice.random()))
        (generator(encoder(faces.mean((2, 3)))) - 1).square().mean().backward()
        self.optimisers["both"].step(lr)
        return {"loss": torch.tensor(self.loss)}

    def reconstruct(self, faces: Tensor) -> Tensor:
        """The same, a little darker."""
        return faces - 0.1

    def draw_sheet(self, path: Path, faces: FaceBank) -> None:
        """Note the name, and use up some chance."""
        self.sheets.append(path.name)
        torch.randn(5)

    def kept(self) -> dict[str, nn.Module]:
        """Both networks and their averages."""
        names = ("encoder", "generator", "average_encoder", "average_generator")
        networks = (*self.networks, self.average.encoder, self.average.generator)
        return dict(zip(names, networks, strict=True))

    def values(self) -> list[float]:
        """All that it has learned."""
        parameters = [p.detach() for n in self.kept().values() for p in n.parameters()]
        return torch.cat([parameter.flatten() for parameter in parameters]).tolist()


@pytest.fixture
def config(shards: Path, tmp_path: Path) -> RunConfig:
    """Five steps of four faces, saved at the end only."""
    return RunConfig(str(shards), str(tmp_path / "out"), kimg=0.02, batch=4, every_s=600.0)


def _run(config: RunConfig, learner: Counting) -> Counting:
    run(config, lambda _: learner)
    return learner


def _facts(config: RunConfig) -> dict[str, Any]:
    return json.loads((Path(config.out) / "state.json").read_text())


def test_a_stretch_ends_after_its_pictures(config: RunConfig) -> None:
    """Five steps and no more; state, weights with figures, losses and a sheet are there."""
    learner = _run(config, Counting())
    assert [number for number, *_ in learner.asked] == [0, 1, 2, 3, 4]
    assert learner.asked[0][1] == 0  # the rate rises from 0
    assert learner.sheets == ["000000020.png"]
    out = Path(config.out)
    facts = _facts(config)
    assert (facts["seen"], facts["step"], facts["began"]) == (20, 5, 20)
    assert facts["config"]["kimg"] == 0.02
    card = load_weights(out / "weights.safetensors").card
    assert card.numbers["psnr_db"] == pytest.approx(26.0, abs=0.5)  # 0.1 of 2 off everywhere
    assert card.numbers["pictures_seen"] == 20
    table = (out / "losses.csv").read_text()
    assert ",loss,0.5\n" in table
    assert "held-out psnr_db" in table


def test_a_cut_run_goes_on_as_if_it_had_not_been(config: RunConfig, tmp_path: Path) -> None:
    """Rates, faces, chance and what is learned are those of a run without a break, exactly."""
    whole = _run(replace(config, out=str(tmp_path / "whole")), Counting())
    cut = Counting(3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        _run(replace(config, every_s=0.0), cut)  # saved after each step
    assert _facts(config)["seen"] == 12
    resumed = _run(replace(config, resume=True), Counting())
    assert cut.asked + resumed.asked == whole.asked
    assert resumed.values() == whole.values()


def test_after_a_finished_stretch_a_new_one_begins(config: RunConfig) -> None:
    """Resumed after its end, a run warms up again, and counts steps and pictures on."""
    _run(config, Counting())
    again = _run(replace(config, resume=True, kimg=0.008), Counting())
    assert [(number, lr > 0) for number, lr, _ in again.asked] == [(5, False), (6, True)]
    assert _facts(config)["seen"] == 28


def test_a_stretch_shorter_than_what_was_cut_is_a_new_one(config: RunConfig) -> None:
    """Fewer pictures than are seen already are not the rest of that stretch."""
    with pytest.raises(KeyboardInterrupt):
        _run(replace(config, every_s=0.0), Counting(4, KeyboardInterrupt()))
    again = _run(replace(config, resume=True, kimg=0.008), Counting())
    assert [number for number, *_ in again.asked] == [4, 5]


def test_a_stretch_of_seconds_ends_by_the_clock(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is looked at after the first step and every ten; what was spent is saved."""

    class Halfway(module.Clock):
        """Says that a third of the time is over at each look."""

        looks = -1

        def progress(self) -> float:
            self.looks += 1
            return self.looks / 2

    monkeypatch.setattr(module, "Clock", Halfway)
    learner = _run(replace(config, kimg=None, seconds=100.0), Counting())
    assert len(learner.asked) == 11
    assert _facts(config)["spent_s"] == 0.0  # of the next stretch


def test_a_training_that_diverges_is_not_saved(config: RunConfig) -> None:
    """A loss that is no number ends the run and leaves the state before."""
    _run(config, Counting())
    before = _facts(config)
    learner = Counting()
    learner.loss = float("nan")
    with pytest.raises(StateError, match=r"diverged: its loss 'loss' is nan.*--lr"):
        _run(replace(config, resume=True), learner)
    assert _facts(config) == before


def test_a_state_is_not_overwritten_unasked(config: RunConfig) -> None:
    """A folder with a state asks for --resume before anything is read."""
    _run(config, Counting())
    before = _facts(config)
    with pytest.raises(StateError, match="--resume"):
        _run(config, Counting())
    assert _facts(config) == before


def test_another_programs_state_is_refused(config: RunConfig) -> None:
    """A state that does not say how far it is cannot be gone on with."""
    _run(config, Counting())
    facts = _facts(config)
    del facts["began"]
    (Path(config.out) / "state.json").write_text(json.dumps(facts))
    with pytest.raises(StateError, match="lacks 'began'"):
        _run(replace(config, resume=True), Counting())


def test_a_ground_is_what_there_is(config: RunConfig) -> None:
    """On a processor: float32, four faces to learn from, two held out; --limit cuts both."""
    grounds: list[Ground] = []

    def note(ground: Ground) -> Counting:
        grounds.append(ground)
        return Counting()

    run(replace(config, limit=1), note)
    assert grounds[0].dtype == torch.float32
    assert (len(grounds[0].faces), len(grounds[0].held_out)) == (1, 1)
