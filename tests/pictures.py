"""Figures in tests: each format is drawn anew and a PDF embeds its fonts, so most tests write SVG alone."""

import pytest

from senet_lab.report import picture

FORMATS = dict(picture.FORMATS)


@pytest.fixture
def every_format(monkeypatch):
    """Figures are written as they are for users."""
    monkeypatch.setattr(picture, "FORMATS", FORMATS)


@pytest.fixture(autouse=True)
def svg_alone(request, monkeypatch):
    """Figures are written as SVG, but in tests that ask for every format."""
    if "every_format" not in request.fixturenames:
        monkeypatch.setattr(picture, "FORMATS", {"svg": FORMATS["svg"]})
