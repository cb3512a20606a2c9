"""A report, and reports as a table for people: a column for each weights, a row for each figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Report = dict[str, Any]
"""What `--json` prints for one of the weights; docs/models.md lists the keys."""

_ROWS = (  # heading, path in the report, factor, decimals
    ("faces", "images", 1, 0),
    ("PSNR, dB", "psnr", 1, 2),
    ("MSE", "mse", 1, 5),
    ("SSIM", "ssim", 1, 4),
    ("feature distance", "feature_distance", 1, 4),
    ("edits", "edits.count", 1, 0),
    ("  MSE_src, result outside the mask", "edits.mse_src", 1, 5),
    ("  MSE_ref, result inside the mask", "edits.mse_ref", 1, 5),
    ("  MSE_src, the network's picture", "edits.network_mse_src", 1, 5),
    ("  MSE_ref, the network's picture", "edits.network_mse_ref", 1, 5),
    ("  seam step, edit", "edits.seam_step.edit", 1, 3),
    ("  seam step, unedited face", "edits.seam_step.face", 1, 3),
    ("  seam step, feathered paste", "edits.seam_step.feathered_paste", 1, 3),
    ("  seam step, Poisson paste", "edits.seam_step.poisson_paste", 1, 3),
    ("  seam excess, edit", "edits.seam_excess.edit", 1, 3),
    ("  seam excess, feathered paste", "edits.seam_excess.feathered_paste", 1, 3),
    ("  seam excess, Poisson paste", "edits.seam_excess.poisson_paste", 1, 3),
    ("shaken faces", "steadiness.count", 1, 0),
    *(
        (f"  {name}, {what}", f"steadiness.{key}.{figure}", 1, 3)
        for name, key in (
            ("reconstruction", "reconstruction"),
            ("edit", "edit"),
            ("feathered paste", "feathered_paste"),
            ("Poisson paste", "poisson_paste"),
        )
        for figure, what in (
            ("noise", "noise"),
            ("shift_quarter", "shifted 0.25 px"),
            ("shift_half", "shifted 0.5 px"),
        )
    ),
    ("Fréchet distance, reconstructions", "frechet.reconstructions.distance", 1, 2),
    ("Fréchet distance, edits", "frechet.edits.distance", 1, 2),
    ("Fréchet distance, from noise", "frechet.noise.distance", 1, 2),
    ("ms an edit", "speed.edit_ms", 1, 1),
    ("million parameters", "parameters", 1e-6, 1),
    ("MB on disk", "bytes", 1e-6, 1),
)
_GROUP_ROWS = (("PSNR, dB", "psnr", 2), ("feature distance", "feature_distance", 4))


def table(reports: Sequence[Report]) -> str:
    """The reports side by side, in Markdown; figures that no report has are left out."""
    rows = [("", *(str(report["weights"]) for report in reports))]
    for heading, path, factor, decimals in _ROWS:
        values = [_at(report, path) for report in reports]
        if any(value is not None for value in values):
            rows.append((heading, *(_shown(value, factor, decimals) for value in values)))
    for group, first in reports[0]["groups"].items():
        for heading, key, decimals in _GROUP_ROWS:
            values = [report["groups"][group][key] for report in reports]
            shown = (_shown(value, 1, decimals) for value in values)
            rows.append((f"{group} ({first['count']}), {heading}", *shown))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows.insert(1, ("-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])))
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    )


def _at(report: Report, path: str) -> float | None:
    value: Any = report
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


def _shown(value: float | None, factor: float, decimals: int) -> str:
    return "-" if value is None else f"{value * factor:.{decimals}f}"
