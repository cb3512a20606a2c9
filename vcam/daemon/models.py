"""Importing weights: the checkpoint is read by the jobs process, the result gets its name here."""

from __future__ import annotations

from pathlib import Path

from models.weights import Card
from vcam.config.models import ModelLibrary
from vcam.daemon.jobs import Jobs
from vcam.errors import ConfigError, DaemonError, EditError

IMPORT_LIMIT_S = 320.0
"""Two gigabytes from a slow disk; the jobs process itself gives up a little sooner."""


def import_checkpoint(
    library: ModelLibrary, jobs: Jobs, checkpoint: Path, name: str | None = None
) -> tuple[Card, str]:
    """Make a checkpoint of StyleMapGAN's authors a model, whole or not at all.

    name: None makes one of the file's name.
    Returns: its card, and what the user should know about it, or nothing.
    Raises: EditError with the reason; ConfigError if the name cannot be one; DaemonError
    (job-failed).
    """
    if not checkpoint.is_file():
        raise EditError("weights-missing", f"There is no file {checkpoint}.", "check the path")
    name = library.free_name(checkpoint.stem) if name is None else name
    try:
        library.check_new(name)
    except ValueError as error:
        raise ConfigError(
            "setting-invalid",
            f"{name!r} cannot be the name of a model.",
            "use small letters, digits and dashes, at most 64, a letter or digit first",
        ) from error
    try:
        with library.unfinished() as folder:
            done = jobs.run(
                "import-model",
                {"path": str(checkpoint.resolve()), "name": name, "folder": str(folder)},
                limit_s=IMPORT_LIMIT_S,
            )
            return library.keep(folder, name), done["advice"]
    except OSError as error:
        raise DaemonError(
            "job-failed",
            f"The weights could not be stored: {error.strerror or error}.",
            "see that vcam's state folder (`vcam config`) can be written and has room",
        ) from error
