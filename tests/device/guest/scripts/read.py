"""Read frames from a camera with OpenCV, as a call's program does, and tell what came.

Usage: read.py DEVICE FRAMES. Says "reading" at the first frame and in the end, as JSON: size,
frames, distinct, numbers (those painted by marks.py; null where there is none), fps, and the last
frame's four colours at the bars' centres.
"""

import hashlib
import json
import sys
import time

import cv2
import marks


def main(device: str, count: int) -> None:
    """Read `count` frames."""
    camera = cv2.VideoCapture(device, cv2.CAP_V4L2)
    if not camera.isOpened():
        sys.exit(f"cannot open {device}")
    seen, numbers, times_s, frame = set(), [], [], None
    for _ in range(count):
        is_read, frame = camera.read()
        if not is_read:
            break
        if not times_s:
            print("reading", flush=True)
        times_s.append(time.monotonic())
        seen.add(hashlib.md5(frame.tobytes(), usedforsecurity=False).digest())
        numbers.append(marks.read(frame))
    if frame is None:
        sys.exit(f"{device} gave no frame")
    height, width, _ = frame.shape
    took_s = times_s[-1] - times_s[0]
    row = frame[height * 3 // 4, width // 8 :: width // 4, ::-1]
    told = {
        "size": [width, height],
        "frames": len(numbers),
        "distinct": len(seen),
        "numbers": numbers,
        "fps": (len(times_s) - 1) / took_s if took_s else 0.0,
        "colours": row.tolist(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
