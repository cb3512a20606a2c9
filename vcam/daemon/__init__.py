"""The daemon: one truth for the settings, the engine's life, the page and its API.

In come settings (flags, file, page, programs) and the engine's events; out go the gate's situation,
the engine's commands and the JSON that every front end shows. Runs in `vcam run`'s own process,
which never loads torch or MediaPipe.
"""
