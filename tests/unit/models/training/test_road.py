"""The whole road, as docs/training.md has it: photos, shards, weights, a small model, figures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.evaluate.__main__ import main as evaluate
from models.lite.config import LITE
from models.training import train
from models.training.distil import main as distil
from models.training.prepare.__main__ import main as prepare
from models.training.shards import SIDE
from models.training.train import Training
from models.weights import load_weights
from tests.unit.models.reference_crops import REFERENCES

PEOPLE = ["mara", "leon", "amara", "rafi", "vera", "mei"]  # a third of them falls to validation
SHEET_ROWS = 2 + 2 * 3 + 1  # faces and reconstructions, edits under pastes, faces from noise


def _sheet(file: Path) -> np.ndarray:
    return np.asarray(Image.open(file))


@pytest.mark.slow
def test_photos_become_weights_and_figures(
    tmp_path: Path,
    narrow: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Prepared, trained, stopped, resumed, distilled and evaluated, by the commands themselves."""
    photos, data = tmp_path / "photos", tmp_path / "data"
    photos.mkdir()
    for name in PEOPLE:
        shutil.copy(REFERENCES / f"{name}.webp", photos)
    assert prepare([str(photos), str(data), "--validation", "0.34", "--processes", "1"]) == 0

    # Two steps with everything in them, then Ctrl-C; a state was saved after each.
    out = tmp_path / "face"
    call = [
        str(data),
        str(out),
        "--kimg",
        "0.012",
        "--batch",
        "4",
        "--limit",
        "1",
        "--every-s",
        "0",
    ]
    call += ["--critic-first", "0", "--warm-up", "0"]
    learn = Training.learn

    def stopped(self: Training, *batch: object, number: int, lr: float) -> object:
        if number == 2:
            raise KeyboardInterrupt
        return learn(self, *batch, number=number, lr=lr)

    monkeypatch.setattr(Training, "learn", stopped)
    assert train.main(call) == 130
    monkeypatch.setattr(Training, "learn", learn)
    assert json.loads((out / "state.json").read_text())["seen"] == 8
    before = load_weights(out / "weights.safetensors")

    # The third step: validation, a sheet, losses of all parts.
    assert train.main([*call, "--resume"]) == 0
    after = load_weights(out / "weights.safetensors")
    assert after.card.numbers["pictures_seen"] == 12
    assert after.card.numbers["psnr_db"] > 0
    assert any((before.encoder[name] != after.encoder[name]).any() for name in before.encoder)
    sheets = sorted(path.name for path in (out / "sheets").iterdir())
    assert sheets == ["000000004.png", "000000008.png", "000000012.png"]
    sheet = _sheet(out / "sheets" / sheets[-1])
    assert sheet.shape == (SHEET_ROWS * SIDE, SIDE, 3)  # one face
    assert sheet[SIDE : 2 * SIDE].std() > 0
    rows = (out / "losses.csv").read_text()
    for loss in ("picture", "edit", "features", "critic", "fake", "real", "held-out psnr_db"):
        assert f",{loss}," in rows

    # A step of the small model, taught by these weights.
    lite = tmp_path / "lite"
    teacher = str(out / "weights.safetensors")
    call = [str(data), str(lite), "--kimg", "0.004", "--batch", "4", "--limit", "1"]
    assert distil([*call, "--teacher", teacher]) == 0
    assert load_weights(lite / "weights.safetensors").card.config == LITE
    assert _sheet(lite / "sheets" / "000000004.png").shape == ((2 + 3 * 3) * SIDE, SIDE, 3)

    # Figures of it.
    capsys.readouterr()
    call = ["--images", str(data / "val-000.npz"), "--limit", "2", "--parts", "edits", "--json"]
    weights = ["--weights", str(lite / "weights.safetensors"), "--device", "cpu"]
    assert evaluate([*weights, *call]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["images"] == 2
    assert np.isfinite([report["psnr"], report["ssim"], report["edits"]["mse_src"]]).all()
