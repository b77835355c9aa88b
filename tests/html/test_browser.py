"""The page in a browser, from a file and without a network: what it asks for, draws, sorts, opens and says."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from senet_lab.html.page import html_of
from tests.html.test_page import page, text  # noqa: F401
from tests.samples import SE, SYNTHETIC

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OWN = replace(SE, protocol=SYNTHETIC).key  # of the first view: a user's own stand before the committed ones
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(21, 24, 27)"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="needs chromium (apt-get install chromium)"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def opened(page, tmp_path_factory):  # noqa: F811
    """The page, drawn, with what it asked for and complained about."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright (the extra html-test)")
    file = Path(tmp_path_factory.mktemp("page") / "report.html")
    file.write_text(html_of(page))
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.set_default_timeout(10_000)
        tab.asked, tab.said = [], []
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.on("console", lambda message: tab.said.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: tab.said.append(str(error)))
        tab.goto(file.as_uri())
        tab.wait_for_selector("html[data-ready]")
        yield tab
        browser.close()


def first_column(tab):
    return tab.eval_on_selector_all("#cvpr2018-table99-1 tbody th", "cells => cells.map(cell => cell.textContent)")


def test_the_page_draws_all_and_asks_for_nothing(opened):
    """Every chart is a picture with a name; no request but the file and data; no error on the console."""
    charts, named = (opened.locator(f"[data-chart] {what}").count() for what in ("svg", "svg[role=img][aria-label]"))

    assert charts == named == opened.locator("[data-chart]").count() > 0
    assert {"file", "data"} >= {url.partition(":")[0] for url in opened.asked}
    assert opened.said == []


def test_a_click_sorts(opened):
    """By number upwards, then downwards; the first column brings the order of the paper back."""
    order, button = first_column(opened), opened.locator("#cvpr2018-table99-1 button.sort")
    button.nth(2).click()
    upwards = first_column(opened)
    button.nth(2).click()
    downwards = first_column(opened)
    button.nth(0).click()

    assert upwards == downwards[::-1] == sorted(order, key=lambda label: label != "plain")
    assert first_column(opened) == order


def test_the_switch_shows_one_protocol(opened):
    """The one that is pressed."""
    views = opened.locator("#cvpr2018-table99 .view")
    opened.locator("#cvpr2018-table99 .switch button").nth(1).click()
    shown = [views.nth(i).is_visible() for i in range(views.count())]
    opened.locator("#cvpr2018-table99 .switch button").nth(0).click()

    assert shown == [False, True, False]
    assert views.nth(0).is_visible()


def test_a_number_opens_its_records(opened):
    """With their curve drawn."""
    opened.locator(f"#cvpr2018-table99-1 a[href='#cell-{OWN}']").first.click()
    opened.wait_for_selector(f"#cell-{OWN}-seed-0 svg")

    assert opened.locator(f"#cell-{OWN} details[open]").count() == 2


def test_dark_mode_and_paper(opened):
    """Dark where the reader's system is, white on paper whatever was chosen."""
    colours = []
    for media in ({"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "dark", "media": "print"}):
        opened.emulate_media(**media)
        colours.append(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
    opened.emulate_media(media="screen", color_scheme="light")

    assert colours == [LIGHT, DARK, LIGHT]


def test_axe_finds_nothing_serious(opened):
    """For keyboards and screen readers."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe (the extra html-test)")
    found = axe.Axe().run(opened).response["violations"]

    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
