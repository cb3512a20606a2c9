"""The whole vcam with a fake engine, fake jobs and drawn faces: `python -m tests.fakes.vcam run`.

Everything between the command line and the pipes of the children is the real thing.
"""

from __future__ import annotations

import sys

from tests.fakes.faces import use_drawn_faces
from vcam.daemon import jobs, supervisor


def install() -> None:
    """Put the fakes in place, in this process."""
    supervisor.ENGINE = "tests.fakes.fake_engine"
    jobs.JOBS = "tests.fakes.fake_jobs"
    use_drawn_faces()


if __name__ == "__main__":
    from vcam.cli import main

    install()
    sys.exit(main())
