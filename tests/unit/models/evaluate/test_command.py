"""`python -m models.evaluate`: its JSON, its table, its errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models import feature_distance
from models.evaluate.__main__ import main
from models.evaluate.pictures import load_faces
from models.lite.config import LITE
from models.lite.networks import LiteEncoder, LiteGenerator
from models.training.shards import Faces
from models.weights import read_card, save_weights
from tests.unit.models.evaluate.conftest import NAMES
from tests.unit.models.reference_crops import REFERENCES

MEANS = ("psnr", "mse", "ssim", "feature_distance")


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a small model that has learned nothing."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    networks = LiteEncoder(LITE), LiteGenerator(LITE)
    arrays = [{k: v.detach().numpy() for k, v in n.named_parameters()} for n in networks]
    save_weights(folder, replace(read_card("face256"), name="untaught", config=LITE), *arrays)
    return str(folder / "untaught.safetensors")


def _run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_json_has_every_figure(lite: str, shard: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One of the weights: an object with all keys, finite numbers, and nothing else printed."""
    status, out, _ = _run(
        capsys, "--weights", lite, "--images", shard, "--json",
        "--edits", 3, "--steady", 1, "--device", "cpu",
    )  # fmt: skip
    assert status == 0
    report: dict[str, Any] = json.loads(out)
    assert report["weights"] == "untaught"
    assert report["images"] == 3
    assert report["skipped"] == 0
    assert report["parameters"] > 1e6
    assert report["bytes"] > 2e6
    assert all(np.isfinite(report[key]) for key in MEANS)
    assert set(report["groups"]) == {"skin light", "skin medium", "skin dark", "mouth open"}
    assert sum(report["groups"][f"skin {t}"]["count"] for t in ("light", "medium", "dark")) == 3
    assert report["groups"]["mouth open"] == {"count": 0, **dict.fromkeys(MEANS)}
    assert set(report["edits"]["seam_step"]) == {
        "edit", "face", "feathered_paste", "poisson_paste",
    }  # fmt: skip
    assert report["edits"]["count"] == 3
    assert set(report["edits"]["regions"]) == {"face", "eyes", "brows"}
    assert report["steadiness"]["edit"]["noise"] > 0
    assert report["frechet"]["edits"]["distance"] > 0
    assert report["frechet"]["noise"] == {"count": 0, "distance": None}
    assert report["speed"]["edit_ms"] > 0


def test_psnr_is_the_mean_of_each_pictures(
    shard: Path, faces: Faces, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped weights reconstruct the built-in faces, and psnr is not that of the mean MSE."""
    status, out, _ = _run(
        capsys, "--weights", "face256", "--images", shard, "--json", "--limit", 2, "--edits", 2,
        "--parts", "frechet", "--device", "cpu",
    )  # fmt: skip
    assert status == 0
    report = json.loads(out)
    assert report["images"] == 2
    assert report["psnr"] > 22
    assert report["psnr"] > 10 * np.log10(4 / report["mse"])  # Jensen: of unequal pictures
    groups = [group for name, group in report["groups"].items() if name.startswith("skin")]
    weighted = sum(g["count"] * g["psnr"] for g in groups if g["count"])
    assert weighted / 2 == pytest.approx(report["psnr"], abs=1e-4)
    assert "edits" not in report
    frechet = report["frechet"]
    assert frechet["noise"]["count"] == 2  # this network paints from noise too
    assert frechet["noise"]["distance"] > frechet["reconstructions"]["distance"] > 0


def test_several_weights_stand_side_by_side(
    lite: str, shard: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table has a column for each of the weights, JSON a list; without features it says so."""
    arguments = (
        "--weights", lite, "--weights", lite, "--images", shard, "--limit", 1,
        "--parts", "reconstruction",
    )  # fmt: skip
    status, out, _ = _run(capsys, *arguments)
    assert status == 0
    assert out.splitlines()[0].count("untaught") == 2
    assert any(line.startswith("| PSNR, dB") and line.count("|") == 4 for line in out.splitlines())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_distance, "find_spec", lambda _: None)
        status, out, err = _run(capsys, *arguments, "--json")
    assert status == 0
    assert [report["feature_distance"] for report in json.loads(out)] == [None, None]
    assert "pip install 'vcam[training]'" in err


def test_a_folder_is_searched_for_faces(faces: Faces, tmp_path: Path) -> None:
    """Photographs are aligned, crops used as they are, pictures without a face passed over."""
    Image.open(REFERENCES / f"{NAMES[0]}.webp").convert("RGB").save(tmp_path / "a.png")
    Image.fromarray(faces.pictures[0]).save(tmp_path / "b.png")
    Image.fromarray(np.full((300, 300, 3), 90, np.uint8)).save(tmp_path / "c.png")
    (tmp_path / "d.png").write_text("no picture")
    (tmp_path / "notes.txt").write_text("not meant to be one")
    found, passed_over = load_faces(tmp_path, "face", None)
    assert (len(found), passed_over) == (2, 2)
    aligned, as_it_was = found.pictures.astype(float)
    assert np.abs(aligned - faces.pictures[0]).mean() < 2
    assert np.array_equal(as_it_was, faces.pictures[0])
    assert np.abs(found.landmarks - faces.landmarks[0]).mean() < 1


def test_what_cannot_be_measured_is_refused(
    lite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No such path, no picture, no face, no shard, no weights: each is named, with what to do."""
    empty, grey, page = tmp_path / "empty", tmp_path / "grey", tmp_path / "page.npz"
    empty.mkdir()
    grey.mkdir()
    Image.fromarray(np.full((300, 300, 3), 90, np.uint8)).save(grey / "wall.png")
    page.write_text("<html>")
    for images, words in (
        (tmp_path / "absent", "nothing at"),
        (empty, "no picture in"),
        (grey, "No face was found"),
        (page, "cannot be read as a shard"),
    ):
        status, out, err = _run(capsys, "--weights", lite, "--images", images)
        assert (status, out) == (1, "")
        assert words in err
    status, _, err = _run(capsys, "--weights", "absent", "--images", empty)
    assert status == 5
    assert "built-in names: face256" in err
    status, _, err = _run(capsys, "--weights", lite, "--images", page, "--device", "abacus")
    assert status == 1
    assert "--device cpu" in err


def test_weights_for_other_crops_are_refused(
    lite: str, shard: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shard's crops are not given to weights of another alignment, nor two kinds compared."""
    path = Path(lite)
    card = json.loads(path.with_suffix(".json").read_text()) | {"crop": "ffhq"}
    (tmp_path / "other.safetensors").write_bytes(path.read_bytes())
    (tmp_path / "other.json").write_text(json.dumps(card))
    other = tmp_path / "other.safetensors"
    status, _, err = _run(capsys, "--weights", other, "--images", shard)
    assert status == 1
    assert "want 'ffhq'" in err
    status, _, err = _run(capsys, "--weights", other, "--weights", lite, "--images", shard)
    assert status == 1
    assert "different kinds" in err
