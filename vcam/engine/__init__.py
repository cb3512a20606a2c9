"""The engine: joins the rooms inside the child processes that load torch and MediaPipe.

This file and `vcam.engine.protocol` stay light, so that the daemon can speak with the engine
without loading what the engine loads.
"""
