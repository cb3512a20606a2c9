"""`vcam cameras`: what can be the source."""

from __future__ import annotations

import argparse
import dataclasses
import json

from vcam.capture import list_cameras


def main(arguments: argparse.Namespace) -> int:
    """List them; vcam's own output is never among them."""
    cameras = list_cameras()
    if arguments.json:
        print(json.dumps([{**dataclasses.asdict(c), "source": c.spec} for c in cameras], indent=2))
    elif not cameras:
        print("No camera was found. `vcam run --source demo` works without one.")
    else:
        print("\n".join(f"{camera.name}\n  --source {camera.spec}" for camera in cameras))
    return 0
