"""Saves figures as PDF, SVG and PNG. Processes that only save load this file, without seaborn and the report."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from senet_lab.records.files import replace_file

DPI = 150
FORMATS: dict[str, dict[str, Any]] = {
    # Without dates, and with a fixed salt (``picture.STYLE``), so that equal figures are equal files.
    "pdf": {"metadata": {"CreationDate": None, "Producer": None, "Creator": None}},
    "svg": {"metadata": {"Date": None}},
    "png": {"dpi": DPI, "metadata": {"Software": None}},
}


def save(figure: Figure, stem: Path, style: dict[Any, Any], formats: Mapping[str, Mapping[str, Any]]) -> None:
    """Lays a figure out, and writes it in every format.

    stem: the path without a suffix. style: matplotlib's settings. formats: the options of each format, by suffix.
    """
    with mpl.rc_context(style):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the layout is computed once, not again for each format
        for suffix, options in formats.items():
            data = io.BytesIO()
            figure.savefig(data, format=suffix, **options)
            replace_file(stem.with_name(f"{stem.name}.{suffix}"), data.getvalue())
