"""Saved states: they go on as if nothing had happened, or say why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from models.training import state as module
from models.training.optimising import Average, Optimiser, lay_channels_last
from models.training.state import StateError, has_state, load_state, read_facts, save_state


class Training:
    """A network that learns, and its average."""

    def __init__(self, seed: int, width: int = 4) -> None:
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(2, width, 3)
        self.network = nn.Sequential(self.conv, nn.Flatten(), nn.Linear(width, 1))
        lay_channels_last(self.network)
        self.average = Average(self.network, nn.Linear(1, 1))
        self.optimiser = Optimiser([self.network], 0.01, (0.9, 0.99))
        self.kept = {"network": self.network, "average": self.average.encoder}

    def step(self, number: int) -> None:
        """Learn something that the number decides."""
        torch.manual_seed(number)
        self.network(torch.randn(6, 2, 3, 3)).square().mean().backward()
        self.optimiser.step(0.01)
        self.average.update(6, 20.0)

    def save(self, folder: Path, **facts: int) -> None:
        """Store it."""
        save_state(folder, facts, self.kept, {"optimiser": self.optimiser})

    def load(self, folder: Path) -> dict[str, int]:
        """Go on from what was stored."""
        return load_state(folder, self.kept, {"optimiser": self.optimiser})

    def values(self) -> list[torch.Tensor]:
        """All that it has learned."""
        moments = self.optimiser.adam.state.values()
        return [
            *self.network.parameters(),
            *self.average.encoder.parameters(),
            *(moment[key] for moment in moments for key in sorted(moment)),
        ]


def test_a_resumed_run_takes_the_same_next_step(tmp_path: Path) -> None:
    """Weights, average and moments after a break and a step are those of a run without one."""
    whole, cut, resumed = Training(0), Training(0), Training(1)
    for number in range(4):
        whole.step(number)
    for number in range(3):
        cut.step(number)
    cut.save(tmp_path, seen=18, step=3)
    facts = resumed.load(tmp_path)
    assert (facts["seen"], facts["step"]) == (18, 3)
    resumed.step(3)
    pairs = zip(whole.values(), resumed.values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_moments_lie_as_their_parameters(tmp_path: Path) -> None:
    """The fused Adam asks for one layout; what was loaded has it."""
    cut, resumed = Training(0), Training(1)
    cut.step(0)
    cut.save(tmp_path)
    resumed.load(tmp_path)
    weight = resumed.conv.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    for moment in ("exp_avg", "exp_avg_sq"):
        assert resumed.optimiser.adam.state[weight][moment].stride() == weight.stride()


def test_a_state_is_saved_before_the_first_step(tmp_path: Path) -> None:
    """An optimiser without moments is stored and loaded as one."""
    Training(0).save(tmp_path, step=0)
    resumed = Training(1)
    assert resumed.load(tmp_path)["step"] == 0
    assert not resumed.optimiser.adam.state
    assert has_state(tmp_path)


@pytest.mark.parametrize("cut_at", [0, 1])
def test_a_cut_while_saving_leaves_a_whole_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_at: int
) -> None:
    """Before or between the two renames, the state before is there and is loaded."""
    training = Training(0)
    training.step(0)
    training.save(tmp_path, step=1)
    first = [value.detach().clone() for value in training.network.parameters()]
    training.step(1)
    renames, rename = [], Path.replace

    def cut(self: Path, target: Path) -> Path:
        if len(renames) == cut_at:
            raise KeyboardInterrupt
        renames.append(target)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(KeyboardInterrupt):
        training.save(tmp_path, step=2)
    monkeypatch.undo()
    resumed = Training(1)
    assert resumed.load(tmp_path)["step"] == 1
    pairs = zip(first, resumed.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    training.save(tmp_path, step=2)
    assert resumed.load(tmp_path)["step"] == 2
    assert len(list(tmp_path.glob(module._TENSORS))) == 1  # old ones do not pile up


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    """A changed byte, a missing file and JSON that is none are named, with what to do."""
    training = Training(0)
    training.step(0)
    training.save(tmp_path)
    (tensors,) = tmp_path.glob(module._TENSORS)
    data = bytearray(tensors.read_bytes())
    data[-1] ^= 1
    tensors.write_bytes(data)
    with pytest.raises(StateError, match=r"is damaged: its SHA-256.*--start"):
        training.load(tmp_path)
    tensors.unlink()
    with pytest.raises(StateError, match="cannot be read"):
        training.load(tmp_path)
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(StateError, match=r"state\.json is damaged"):
        training.load(tmp_path)
    (tmp_path / "state.json").write_text("[]")
    with pytest.raises(StateError, match="is no state"):
        read_facts(tmp_path)
    (tmp_path / "state.json").unlink()
    with pytest.raises(StateError, match=r"no state to resume.*--resume"):
        training.load(tmp_path)


def test_a_state_of_other_networks_is_refused(tmp_path: Path) -> None:
    """Other names and other shapes are refused, also shapes that would spread."""
    training = Training(0)
    training.step(0)
    training.save(tmp_path)
    with pytest.raises(StateError, match=r"of other networks \(\(4, 2, 3, 3\) where \(5,"):
        Training(0, width=5).load(tmp_path)
    with pytest.raises(StateError, match=r"of other networks \('critic\.weight'\)"):
        load_state(tmp_path, {"critic": nn.Linear(1, 1)}, {})


def test_a_state_outside_of_its_folder_is_not_read(tmp_path: Path) -> None:
    """A path in the JSON stands for its name alone."""
    folder = tmp_path / "run"
    folder.mkdir()
    Training(0).save(folder)
    facts = json.loads((folder / "state.json").read_text())
    (folder / facts["tensors"]).rename(tmp_path / "elsewhere.safetensors")
    (folder / "state.json").write_text(json.dumps(facts | {"tensors": "../elsewhere.safetensors"}))
    with pytest.raises(StateError, match="cannot be read"):
        Training(0).load(folder)
