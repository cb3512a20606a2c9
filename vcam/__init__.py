"""vcam: other people's features on your own face, live, as a virtual camera.

docs/architecture.md follows a frame through the rooms in this package.
"""

__version__ = "0.1.0"
