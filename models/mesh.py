"""Names for the points of MediaPipe's face mesh.

Contours are closed and run once round their part; left and right are the person's own.
Source: the mesh topology published with MediaPipe (Apache-2.0), 468 points and 10 of the irises.
"""

from __future__ import annotations

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
MOUTH_OPENING = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)  # fmt: skip
NOSE = (168, 351, 420, 360, 278, 327, 2, 98, 48, 131, 198, 122)
NOSE_RIDGE = (6, 197, 195, 5, 4, 1, 19, 94)
NOSTRILS = (98, 240, 97, 2, 326, 460, 327, 64, 294)
CHEEKS = (50, 280, 205, 425, 187, 411, 117, 346, 101, 330)
FOREHEAD = (151, 9, 8, 69, 299, 104, 333)
CHIN = (18, 200, 199, 175)
RIGHT_UPPER_LID = (247, 30, 29, 27, 28, 56, 190)
LEFT_UPPER_LID = (467, 260, 259, 257, 258, 286, 414)
RIGHT_LOWER_LID = (110, 24, 23, 22, 26)
LEFT_LOWER_LID = (339, 254, 253, 252, 256)

WARP_POINTS: tuple[int, ...] = tuple(
    dict.fromkeys(
        OVAL[::2]
        + RIGHT_EYE
        + LEFT_EYE
        + RIGHT_BROW[::2]
        + LEFT_BROW[::2]
        + LIPS
        + MOUTH_OPENING[::2]
        + NOSE_RIDGE[::2]
        + NOSTRILS
        + CHEEKS
        + FOREHEAD[:3]
        + CHIN[::2]
        + RIGHT_UPPER_LID[1::2]
        + LEFT_UPPER_LID[1::2]
        + RIGHT_LOWER_LID[::2]
        + LEFT_LOWER_LID[::2]
    )
)
"""The points that the reference's warp passes through: dense where features are fine."""
