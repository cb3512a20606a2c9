"""Publish numbered frames to a loopback device, as the daemon does: slots, publisher, sink.

Usage: write.py DEVICE WIDTH HEIGHT FPS [CLIP]. Four coloured bars below the number, or a clip's
first two seconds over and over: then it plays a webcam in front of which somebody sits. Says "open"
when the sink is, and runs until killed, or until its standard input ends; then it stops in order
and says how it went, as JSON.
"""

import json
import sys
import threading
import time
from dataclasses import asdict

import marks
import pictures

from vcam.frame import Look
from vcam.frame.slots import FrameSlots
from vcam.publish.gate import Situation, SlateText
from vcam.publish.publisher import Publisher
from vcam.publish.sinks import open_sink


def main(device: str, width: int, height: int, fps: int, clip: str | None = None) -> None:
    """Publish until the standard input ends."""
    frames = pictures.clip(clip, width, height) if clip else [pictures.bars(width, height)]
    sink = open_sink(f"v4l2:{device}", width=width, height=height, fps=fps)
    print("open", flush=True)
    slots = FrameSlots.create(width, height)
    slots.unlink()
    publisher = Publisher(width, height, fps, [sink], Situation(SlateText("Starting")))
    publisher.attach(slots)
    publisher.start()
    ending = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ending.set()), daemon=True).start()

    number, due_s = 0, time.monotonic()
    while not ending.wait(max(0.0, due_s - time.monotonic())):
        slots.reserve()[:] = marks.paint(frames[number % len(frames)], number)
        now_ns = time.monotonic_ns()
        slots.publish(seq=number, captured_ns=now_ns, look=Look.STYLED, revision=0)
        publisher.notify()
        number, due_s = number + 1, due_s + 1 / fps
    is_in_time = publisher.stop()
    stats = publisher.stats()
    print(json.dumps({**asdict(stats), "shown": None, "is_in_time": is_in_time}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]), *sys.argv[5:])
