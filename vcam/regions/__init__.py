"""Where the face is and which parts of it are edited.

In: frames, or pictures of references. Out: tracked faces with 478 landmarks, and for each layer a
soft mask and a warp that lays the reference on the live face. Runs on the engine's landmarks
thread and in the jobs process. MediaPipe lives here and nowhere else.
"""

from vcam.regions.landmarks import PictureLandmarks
from vcam.regions.shape import shape_face
from vcam.regions.tracking import FaceTracker

__all__ = ["FaceTracker", "PictureLandmarks", "shape_face"]
