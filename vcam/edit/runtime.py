"""What an editor computes with, as `vcam bench` reports it; free of torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Runtime:
    """name: `torch` or `openvino`. precision: of the network. threads: of the processor."""

    name: str
    version: str
    precision: str
    threads: int
