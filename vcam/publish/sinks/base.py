"""What a sink is: takes published pictures and gives them to other programs or to a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from vcam.frame.nouns import Pixels


class Sink(ABC):
    """A place where published pictures go; opened by its constructor.

    name: the spec that opens this very sink again (`v4l2:/dev/video10`).
    may_block: `send` may take longer than a frame; in live mode it runs on a thread of its own.
    keeps: what is sent is kept, so the slate before the first picture and the one at the end are
        left out.
    reopens: worth opening again after it failed.
    """

    may_block: ClassVar[bool] = False
    keeps: ClassVar[bool] = False
    reopens: ClassVar[bool] = False
    name: str

    @abstractmethod
    def send(self, pixels: Pixels, at_ns: int) -> None:
        """Take one picture; the array is only lent until this returns.

        pixels: [H, W, 3] RGB at the size the sink was opened for. at_ns: when it is published; in
        lockstep, its time in the clip.
        Raises: SinkError if it cannot be taken; the sink is then closed by its owner.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish and give everything back; called once.

        Raises: SinkError if what was kept cannot be finished.
        """
