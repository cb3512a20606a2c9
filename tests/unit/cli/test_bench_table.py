"""`vcam bench` for a person: the report's figures in a table."""

from vcam.cli.bench import table

RUN = {
    "seconds": 10.0,
    "frames": 300,
    "fps": 30.04,
    "dropped": 2,
    "cpu_cores": 0.51,
    "delay_ms": {"p50": 12.34, "p95": 15.9},
}
REPORT = {
    "machine": {"device": "CPU, 2 threads", "cpu": "A CPU", "cores": 2},
    "source": {"name": "Demo presenter"},
    "settings": {"size": "640x480", "model": "auto"},
    "model": {
        "name": "face256-lite",
        "runtime": "openvino 2026.4.1",
        "precision": "bf16",
        "threads": 2,
        "note": "no graphics card was found",
    },
    "alone_ms": {"edit": {"p50": 2434.8, "p95": 3658.1}},
    "free": RUN,
    "paced": RUN,
}


def test_the_table_has_the_main_figures():
    """Device, model and its means, stages, rates and delays, each figure with its unit."""
    text = "\n".join(table(REPORT))
    assert "CPU, 2 threads, A CPU (2 cores)" in text
    assert "model face256-lite on openvino 2026.4.1 in bf16" in text
    assert "Note: no graphics card was found." in text
    assert "edit alone" in text
    assert "2434.8 ms  3658.1 ms" in text
    assert "free: 30.0 frames a second, 2 dropped, 0.51 cores" in text
    assert "12.3 ms    15.9 ms" in text


def test_a_run_without_a_frame_says_what_to_do():
    """Where no frame was done in time there is advice in place of zeros."""
    text = "\n".join(table({**REPORT, "free": {**RUN, "frames": 0}}))
    assert "no frame was done in 10 s; give --seconds 30" in text
