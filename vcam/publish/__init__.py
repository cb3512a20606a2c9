"""What is seen: gate, pacer, slate and the sinks, on the daemon's publisher thread.

In: finished frames from the shared slots (vcam.frame.slots) and the Controller's Situation. Out:
pictures at a steady rate to every sink, from start to stop. Loads numpy, OpenCV and Pillow; PyAV
and pyvirtualcam only when a sink needs them, torch and MediaPipe never.
"""
