"""Figures in tests: drawing takes longer than all else of a report, so most tests plot figures and do not draw them."""

from functools import cache

import pytest

EVERY = ("pdf", "svg", "png")


@cache
def _as_it_is():
    """The module that draws, its formats and its ``save``; loaded in a test, for the process that starts the workers
    needs none of it."""
    from senet_lab.report import picture

    assert set(EVERY) == picture.FORMATS.keys()
    return picture, dict(picture.FORMATS), picture.save


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """A figure is plotted, and its data are written, but no picture of it."""
    picture, *_ = _as_it_is()
    monkeypatch.setattr(picture, "save", lambda *_: None)
    monkeypatch.setattr(picture, "FORMATS", {})


def draw_as(monkeypatch, formats):
    """From now on figures are drawn in these formats."""
    picture, every, save = _as_it_is()
    monkeypatch.setattr(picture, "save", save)
    monkeypatch.setattr(picture, "FORMATS", {name: every[name] for name in formats})


@pytest.fixture
def every_format(undrawn, monkeypatch):
    """Figures are drawn as they are for users."""
    draw_as(monkeypatch, EVERY)


@pytest.fixture
def drawn(undrawn, monkeypatch):
    """Figures are drawn as SVG and PNG. A PDF embeds its fonts, which takes longer than all else."""
    draw_as(monkeypatch, ("svg", "png"))


@pytest.fixture
def as_svg(undrawn, monkeypatch):
    """Figures are drawn as SVG alone, which is text."""
    draw_as(monkeypatch, ("svg",))


@pytest.fixture(scope="session", params=[("svg",), pytest.param(EVERY, marks=pytest.mark.slow)], ids=["svg", "all"])
def formats(request):
    """SVG alone, and every format, which takes four times as long."""
    return request.param


@pytest.fixture
def drawn_in(undrawn, monkeypatch, formats):
    """Figures are drawn in these formats, which are also the fixture's value."""
    draw_as(monkeypatch, formats)
    return formats
