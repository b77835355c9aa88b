"""Figures in tests: a PDF embeds its fonts, which takes longer than all else, so only tests about PDFs write them."""

import pytest

from senet_lab.report import picture

FORMATS = dict(picture.FORMATS)


@pytest.fixture
def every_format(monkeypatch):
    """Figures are written as they are for users, with their PDFs."""
    monkeypatch.setattr(picture, "FORMATS", FORMATS)


@pytest.fixture(autouse=True)
def no_pdf(request, monkeypatch):
    """Figures are written as SVG and PNG, but in tests that ask for every format."""
    if "every_format" not in request.fixturenames:
        monkeypatch.setattr(picture, "FORMATS", {name: FORMATS[name] for name in ("svg", "png")})
