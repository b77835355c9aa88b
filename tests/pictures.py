"""Figures in tests: drawing takes longer than all else of a report, so most tests plot figures and do not draw them."""

import pytest

from senet_lab.report import picture

FORMATS, SAVE = dict(picture.FORMATS), picture.save


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """A figure is plotted, and its data are written, but no picture of it."""
    monkeypatch.setattr(picture, "save", lambda *_: None)
    monkeypatch.setattr(picture, "FORMATS", {})


@pytest.fixture
def every_format(undrawn, monkeypatch):
    """Figures are drawn as they are for users."""
    monkeypatch.setattr(picture, "save", SAVE)
    monkeypatch.setattr(picture, "FORMATS", FORMATS)


@pytest.fixture
def drawn(undrawn, monkeypatch):
    """Figures are drawn as SVG and PNG. A PDF embeds its fonts, which takes longer than all else."""
    monkeypatch.setattr(picture, "save", SAVE)
    monkeypatch.setattr(picture, "FORMATS", {name: FORMATS[name] for name in ("svg", "png")})
