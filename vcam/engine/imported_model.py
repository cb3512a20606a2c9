"""Makes weights of a checkpoint that a user hands over.

In: a file that nobody has looked at yet. Out: float16 tensors and their card, in a folder that the
daemon or the command line made for them and names afterwards. Runs in the jobs process alone.
"""

from __future__ import annotations

from pathlib import Path

import torch

from models.checkpoint import CROP, FACE_DATASETS, LICENCE, Checkpoint, read_checkpoint
from models.weights import Card, WeightsError, save_weights
from vcam.errors import DaemonError, EditError


def import_model(path: Path, name: str, folder: Path) -> str:
    """Write the averaged networks of StyleMapGAN's checkpoint at `path` into `folder`.

    Returns: what the user should know about the network, or nothing.
    Raises: EditError (weights-missing, -not-a-checkpoint, -need-code, -damaged, -unfit: as
    models.checkpoint); DaemonError (job-failed) if the folder cannot be written.
    """
    torch.set_num_threads(1)  # each thread's stack counts as memory, and the disk is the slow part
    try:
        checkpoint = read_checkpoint(path)
    except WeightsError as error:
        raise EditError(error.code, error.message, error.hint) from error
    card = Card(
        name=name,
        config=checkpoint.config,
        crop=CROP,
        licence=LICENCE,
        data=f"{checkpoint.dataset}, by StyleMapGAN's authors; imported from {path.name}.",
        numbers={},
    )
    try:
        save_weights(folder, card, checkpoint.encoder, checkpoint.generator)
    except ValueError as error:
        raise EditError(
            "weights-unfit",
            f"The checkpoint cannot be stored in half precision: {error}.",
            "it cannot be used on a GPU either; take another checkpoint of the same training",
        ) from error
    except OSError as error:
        raise DaemonError(
            "job-failed",
            f"The weights could not be written to {folder.parent}: {error.strerror or error}.",
            "free some 250 MB there and import again",
        ) from error
    return _advice(checkpoint)


def _advice(checkpoint: Checkpoint) -> str:
    if checkpoint.dataset in FACE_DATASETS:
        return ""
    return (
        f"It was trained on {checkpoint.dataset!r}, which is not one of the sets of people's faces "
        f"({', '.join(sorted(FACE_DATASETS))}); edits of faces may look wrong."
    )
