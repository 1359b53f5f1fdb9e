"""The report in a real browser, and the report of every kind of sweep."""

import html
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from ruamel.yaml import YAML

from data_utils.errors import InputError
from tests.conftest import save_image
from tests.tuning.rows import curve, specs
from tuning.config import StopSettings
from tuning.ending import Ending, write_ending
from tuning.records import EpochRow, trial_row
from tuning.report import render, write_report
from tuning.report_overview import OverviewPage
from tuning.report_style import Plot, figure
from tuning.report_sweep import sweep_page
from tuning.report_table import Table
from tuning.results import write_epochs, write_predictions, write_test, write_trials
from tuning.retrain import Retrained
from tuning.selection import pick

EVIL = "<script>alert(1)</script>"
BREAKOUT = '</script><img src="https://example.com/x">'
CLASSES = [f"a {EVIL}", "bee & 'wasp'", '<b>bold</b> <a href="https:">'.replace("/", "-")]
PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 24, 31)"}
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def write_sweep(
    folder: Path,
    curves: list[list[EpochRow]],
    *,
    errors: dict[int, str] | None = None,
    tests: int = 1,
    retrain: Any = "default",
    root: Path | None = None,
    ended: bool = True,
) -> Path:
    """Write a sweep's tables and settings, tested on six images of three classes of which one is right."""
    folder.mkdir(parents=True)
    write_epochs(folder, [row for rows in curves for row in rows])
    trials = [
        trial_row(
            spec, rows, sweep="s", stop=StopSettings(), max_epochs=3, worker=None, error=(errors or {}).get(spec.index),
            profile={"seconds_start": 1.0, "seconds_train": 4.0} if rows else None,
        )
        for spec, rows in zip(specs(len(curves)), curves, strict=True)
    ]  # fmt: skip
    write_trials(folder, trials)
    settings: dict[str, Any] = {"name": "s", "data": {"root": str(root or folder / "gone")}}
    settings["retrain"] = {"seeds": list(range(tests))} if retrain == "default" else retrain
    with (folder / "sweep.yaml").open("w") as file:
        YAML(typ="safe").dump(settings, file)
    if tests:
        probabilities = np.tile(np.array([0.2, 0.7, 0.1], np.float32), (6, 1))
        one = Retrained(
            seed=0, epochs=2, train_images=8, split_digest="d", classes=CLASSES,
            paths=[f"{CLASSES[i % 3]}/{i}.jpg" for i in range(6)], labels=np.arange(6) % 3,
            probabilities=probabilities, loss=None, accuracy=1 / 3, mean_class_accuracy=1 / 3,
            versions={"torch": "2"}, state={},
        )  # fmt: skip
        best = pick(trials, [row for rows in curves for row in rows])
        assert best is not None
        one = replace(one, epochs=best.epoch)
        retrained = [replace(one, seed=seed, accuracy=1 / 3 + seed / 10) for seed in range(tests)]
        write_test(folder, "s", trials[best.trial].spec, retrained)
        write_predictions(folder, "s", retrained)
    if ended:
        write_ending(folder, Ending(True, 0, 2, train_images=4, val_images=4, test_images=6))
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of a sweep with everything in it: twelve trials, hostile names, images."""
    folder = tmp_path_factory.mktemp("report")
    pixels = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    for i in range(6):
        save_image(folder / "images" / CLASSES[i % 3] / f"{i}.jpg", pixels)
    curves = [curve(i + 1, 0.5, 0.6 - i / 100, 0.7 - i / 50) for i in range(10)]
    sweep = write_sweep(
        folder / "s",
        [[], *curves, curve(11, 0.3, None)],
        errors={0: f"ValueError: {BREAKOUT} {'x' * 300}"},
        tests=2,
        root=folder / "images",
    )
    return write_report(sweep)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium."""
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("there is no chromium on the path (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """Return a page, and what it says that it should not: every word of its console, errors, dialogs, requests."""
    trouble: list[str] = []
    page = browser.new_page(viewport=DESK)
    page.on("console", lambda message: trouble.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
    page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: note_request(request.url, trouble))
    yield page, trouble
    page.close()


@pytest.fixture
def trouble(blank: tuple[Page, list[str]]) -> list[str]:
    """Return what the page has said in this test."""
    blank[1].clear()
    return blank[1]


@pytest.fixture
def page(blank: tuple[Page, list[str]]) -> Page:
    """Return the page, on a light desk."""
    page = blank[0]
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light", media="screen")
    return page


def note_request(url: str, trouble: list[str]) -> None:
    """Note a request for anything but the report itself or what lies within it."""
    if not url.startswith(("data:", "blob:")) and not (
        url.startswith("file:") and url.split("#")[0].endswith("/report.html")
    ):
        trouble.append(f"request: {url}")


def opened(page: Page, report: Path, *, anew: bool = False) -> Page:
    """Open a report if it is not open already, since a browser takes seconds for plotly, and wait for its plots."""
    if anew or page.url != report.as_uri():
        page.goto(report.as_uri())
    for place in page.locator(".canvas").all():
        place.locator("svg.main-svg").first.wait_for(state="attached")
    return page


def paper_of(page: Page) -> str:
    """Return the colour behind the first plot, as it is drawn."""
    color: str = page.locator(".canvas svg.main-svg").first.evaluate(
        "svg => getComputedStyle(svg).backgroundColor"
    )
    return color


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(DESK, "light"), (PHONE, "dark"), (DESK, "dark"), (PHONE, "light")],
    ids=["desk-light", "phone-dark", "desk-dark", "phone-light"],
)
def test_it_opens_without_a_word_and_fits(
    page: Page, trouble: list[str], report: Path, size: Any, scheme: Any
) -> None:
    """All plots are there, nothing else is asked for, nothing scrolls sideways but what is meant to."""
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    opened(page, report, anew=(size, scheme) in ((DESK, "light"), (PHONE, "dark")))
    assert page.locator(".canvas").count() == 8
    assert page.locator(".canvas:has(svg.main-svg)").count() == 8
    assert page.locator(".canvas .scatterlayer .trace").count() > 50
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert paper_of(page) == PAPER[scheme]
    assert trouble == []


def test_an_open_page_follows_light_and_width(page: Page, trouble: list[str], report: Path) -> None:
    """As when evening comes, or a phone is turned: every plot is drawn anew, as wide as its place."""
    opened(page, report)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.locator(f".canvas svg.main-svg[style*='{PAPER[scheme]}']").first.wait_for(state="attached")
    for size in (PHONE, DESK):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        misfits = page.locator(".canvas").evaluate_all(
            """async (all) => {
                const frame = () => new Promise(requestAnimationFrame);
                await frame(), await frame(), await frame();
                return all.filter((one) => one.querySelector("svg.main-svg").clientWidth !== one.clientWidth).length;
            }"""
        )
        assert misfits == 0
    assert trouble == []


def test_on_paper_it_is_light_and_as_wide_as_the_sheet(page: Page, trouble: list[str], report: Path) -> None:
    """Also from a dark screen: plots are drawn anew for 680 pixels, tables are not cut, what is to be clicked is gone."""
    page.emulate_media(color_scheme="dark")
    opened(page, report)
    page.emulate_media(color_scheme="dark", media="print")
    page.wait_for_selector("html[data-print]")
    assert paper_of(page) == PAPER["light"]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    widths = page.locator(".canvas svg.main-svg, table:visible").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().width)"
    )
    assert max(widths) <= 681
    cut = page.locator(".scroll, pre").evaluate_all("all => all.map(one => getComputedStyle(one).overflow)")
    assert set(cut) == {"visible"}
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="screen", color_scheme="dark")
    page.wait_for_selector("html:not([data-print])")
    assert paper_of(page) == PAPER["dark"]
    assert trouble == []


def test_the_keyboard_reaches_everything(page: Page, report: Path) -> None:
    """First the skip link, then links, trials, headings that sort, tables that scroll, numbers, settings."""
    opened(page, report, anew=True)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(one => one.getAttribute('aria-labelledby') || one.className || one.tagName)(document.activeElement)"
            )
        )
    assert {"key", "BUTTON", "table-trials", "scroll", "SUMMARY", "PRE"} <= reached


def test_a_trial_is_hidden_in_all_plots_and_shown_again(page: Page, trouble: list[str], report: Path) -> None:
    """By the keyboard, and said by more than colour."""
    opened(page, report)
    lines = page.locator("#plot-curve-val-accuracy .scatterlayer .trace, #plot-parallel .scatterlayer .trace")
    before = lines.count()
    key = page.locator(".key").first
    key.focus()
    page.keyboard.press("Space")
    assert key.get_attribute("aria-pressed") == "false"
    assert lines.count() == before - 3  # its curve, the curve's end, its line through the hyperparameters
    page.keyboard.press("Space")
    assert lines.count() == before
    assert trouble == []


def test_headings_sort_a_table(page: Page, report: Path) -> None:
    """Numbers as numbers, up and then down; rows without one stay last."""
    opened(page, report)
    heading = page.locator("table:has(#table-trials) th:has-text('best validation accuracy')")
    column = heading.evaluate("th => th.cellIndex")
    cells = page.locator(f"table:has(#table-trials) tbody tr > :nth-child({column + 1})")
    heading.locator("button").click()
    up = cells.all_inner_texts()
    assert (up[0], up[-2], up[-1]) == ("30.00 %", "70.00 %", "")
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").click()
    down = cells.all_inner_texts()
    assert (down[0], down[-2], down[-1]) == ("70.00 %", "30.00 %", "")


def test_hostile_names_are_words(page: Page, trouble: list[str], report: Path) -> None:
    """In the page, its plots and its alternatives; the policy would stop what slipped through."""
    opened(page, report)
    assert page.locator("#table-trials").count() == 1
    assert page.locator("img[src^='https:']").count() == 0
    assert EVIL in page.locator(".pairs").inner_text()
    assert BREAKOUT in page.locator("table:has(#table-trials)").inner_text()
    assert page.locator("#plot-classes-0 .yaxislayer-above text").all_text_contents() == [
        '<b>bold<-… <a href="https:">',
        "a <script>alert(1)</script>",
        "bee & 'wasp'",
    ]
    assert trouble == []
    page.evaluate(
        "() => { const one = document.createElement('script'); one.textContent = 'window.ran = true'; document.body.append(one); }"
    )
    assert page.evaluate("window.ran === undefined")
    assert any("Content Security Policy" in line for line in trouble)


def test_no_label_can_end_the_script_that_holds_it() -> None:
    """Whatever a plot is given, its JSON has no markup in it."""
    plot = Plot("one", "One", "", figure([go.Bar(x=[1], y=[1], hovertext=[BREAKOUT])], 100))
    text = render("overview.html.j2", [plot], page=OverviewPage("x", "", Table("t", ["a"], []), plot=plot))
    data = text[text.index('id="figures">') + len('id="figures">') :]
    data = data[: data.index("</script>")]
    assert "<" not in data
    assert json.loads(data)["one"]["data"][0]["hovertext"] == [BREAKOUT]


def test_examples_are_in_the_page(page: Page, report: Path) -> None:
    """As JPEGs that really open, each saying what it is."""
    opened(page, report)
    thumbs = page.locator(".thumbs img")
    assert thumbs.count() == 4  # two images each of the two classes that were taken for the second
    assert set(thumbs.evaluate_all("all => all.map(one => one.naturalWidth)")) == {90}
    assert "taken for bee & 'wasp' with probability 70.00 %" in (thumbs.first.get_attribute("alt") or "")


def test_it_is_one_file_of_less_than_six_megabytes(report: Path) -> None:
    """Plotly is 4.8 of them; no address of anything to load is in the markup around it."""
    assert report.stat().st_size < 6e6
    text = report.read_text()
    markup = text[: text.index('<script type="application/json"')]
    assert "default-src 'none'" in html.unescape(markup)
    assert 'src="http' not in markup
    assert 'href="http' not in markup


@pytest.mark.parametrize(
    ("curves", "options", "says"),
    [
        ([curve(0, None)], {"tests": 0}, "No winner: every trial diverged or failed"),
        ([[]], {"tests": 0, "errors": {0: "boom"}}, "1 trial failed"),
        ([curve(0, 0.5), []], {"tests": 0}, "the sweep was interrupted"),
        ([curve(0, 0.5, 0.6, 0.7)], {}, "test accuracy"),
    ],
    ids=["diverged", "errored", "interrupted", "one"],
)
def test_every_kind_of_sweep_renders(
    page: Page, trouble: list[str], tmp_path: Path, curves: Any, options: Any, says: str
) -> None:
    """What is not there is left out, and said."""
    opened(page, write_report(write_sweep(tmp_path / "s", curves, **options)))
    assert says in page.locator("header").inner_text().replace("\u00a0", " ")
    assert trouble == []


def test_curves_are_there_before_any_trial_has_ended(tmp_path: Path) -> None:
    """Of epochs alone, the best trials in styles of their own; there is nothing yet to say of ends."""
    folder = write_sweep(
        tmp_path / "s", [curve(0, 0.25), curve(1, 0.5, 0.75), curve(2, None)], tests=0, ended=False
    )
    (folder / "trials.parquet").unlink()
    page = sweep_page(folder)
    assert [(key.label, key.note) for key in page.keys] == [
        ("trial 1", "75.00 % at epoch 2, runs"),
        ("trial 0", "25.00 % at epoch 1, runs"),
        ("1 other trial", "all in gray; hover to tell which"),
    ]
    assert page.curves[0].said == "Highest: 75.00 %, trial 1 at epoch 2."
    text = write_report(folder).read_text()
    assert 'id="curves"' in text
    assert "by how the trial ended" not in text


def test_an_overview_opens(page: Page, trouble: list[str], tmp_path: Path) -> None:
    """With a link that leads to the sweep's own report and back."""
    for name in ("a", f"b {EVIL.replace('/', '-')}"):
        write_report(write_sweep(tmp_path / name, [curve(0, 0.5, 0.6, 0.7)]))
    opened(page, write_report(tmp_path))
    assert page.locator("table:has(#table-sweeps) tbody tr").count() == 2
    page.locator("tbody a").nth(1).click()
    page.wait_for_selector("text=sweep report")
    assert trouble == []


def test_what_cannot_be_reported_is_named(tmp_path: Path) -> None:
    """No folder, no tables, no place to write to."""
    with pytest.raises(InputError, match="no such folder"):
        write_report(tmp_path / "none")
    with pytest.raises(InputError, match="holds no sweep's tables"):
        write_report(tmp_path)
    sweep = write_sweep(tmp_path / "s", [curve(0, 0.5)])
    with pytest.raises(InputError, match="name another file with --out"):
        write_report(sweep, tmp_path / "none" / "report.html")


def test_templates_are_package_data() -> None:
    """A wheel holds what the page is made from."""
    root = Path(__file__).parents[2]
    assert "tuning =\n    templates/*\n" in (root / "setup.cfg").read_text()
    assert {path.name for path in (root / "tuning" / "templates").iterdir()} == {
        "overview.html.j2", "page.html.j2", "parts.html.j2", "report.css", "report.html.j2", "report.js", "tables.js",
    }  # fmt: skip
