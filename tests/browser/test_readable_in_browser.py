"""The lab for all its readers: no label is cut, whatever the width and the type; contrast, forced
colours, keys and what a screen reader gets. One page without a kernel."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from plotly.offline import get_plotlyjs

from labkit import (
    Lab,
    Navigation,
    Portrait,
    Session,
    Settings,
    Sinusoid,
    gaussian_policy,
    sinusoid_mlp,
)
from labkit.figures.lab import LabView, lab_figures
from labkit.figures.lab import show_lab as show_view
from labkit.figures.style.palette import contrast
from labkit.session import switched
from tests.browser.lab_page import without_history
from tests.browser.lab_without_kernel import (
    prepare_for_labs,
    show_figures,
    show_lab,
    wait_for_plots,
)
from tests.browser.plot_page import prepare
from tests.browser.test_host_in_browser import HOST
from tests.figures.examples import curve, full_view, losses

WIDE, BESIDE_FILES, NARROW, HALF, PHONE = 1260, 1008, 844, 604, 390
"""What JupyterLab leaves of 1440 pixels, of these next to its list of files, of 1024, and of 720 or
half of 1440; a telephone."""

CUT = """() => {
  const cut = [];
  const lab = document.querySelector(".maml-lab");
  const seen = (element) => element.checkVisibility() && !element.closest(".maml-lab-numbers");
  const written = (element) =>
    [...element.childNodes].some(({ nodeType, data }) => nodeType === 3 && data.trim());
  for (const element of lab.querySelectorAll("*")) {
    if (!seen(element) || !(element instanceof HTMLElement)) continue;
    if (element.localName === "select") {
      const whole = element.cloneNode(true);
      whole.style.width = "max-content";
      element.after(whole);
      if (whole.offsetWidth > element.offsetWidth + 1) cut.push(element.value);
      whole.remove();
    } else if (element.localName === "input") {
      if (element.scrollWidth > element.clientWidth + 1) cut.push(element.value);
    } else if (written(element)) {
      const words = document.createRange();
      words.selectNodeContents(element);
      const text = words.getBoundingClientRect();
      for (let around = element; around !== lab.parentElement; around = around.parentElement) {
        const box = around.getBoundingClientRect();
        if (box.width <= 1) break; // for screen readers
        if (getComputedStyle(around).overflow === "visible" && around !== lab) continue;
        const out = text.left < box.left - 1 || text.right > box.right + 1
          || text.bottom > box.bottom + 2 || around.scrollWidth > around.clientWidth + 1;
        if (out) cut.push(element.textContent);
      }
    }
  }
  for (const plot of lab.querySelectorAll(".maml-lab-plot")) {
    const box = plot.getBoundingClientRect();
    for (const text of plot.querySelectorAll("text")) {
      const { left, right, top, bottom, width } = text.getBoundingClientRect();
      const out = left < box.left - 1 || right > box.right + 1 || top < box.top - 2
        || bottom > box.bottom + 2;
      if (width && out) cut.push(text.textContent);
    }
  }
  return cut;
}"""

COLLISIONS = """() => {
  const collisions = [];
  const letters = ({ left, right, top, bottom }) => {
    const air = 0.2 * Math.min(bottom - top, right - left); // above and below letters
    return { left: left + air / 2, right: right - air / 2, top: top + air, bottom: bottom - air };
  };
  for (const plot of document.querySelectorAll(".maml-lab-plot")) {
    const texts = [...plot.querySelectorAll(
      ".xtick text, .ytick text, .xtitle, .ytitle, .legendtext, .annotation text")]
      .filter((text) => text.getBoundingClientRect().width)
      .map((text) => [text.textContent, letters(text.getBoundingClientRect())]);
    texts.forEach(([one, a], i) => {
      for (const [other, b] of texts.slice(0, i))
        if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
          collisions.push(`${other} / ${one}`);
    });
  }
  return collisions;
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with without_history(chromium, WIDE, 900) as context:
        opened = context.new_page()
        prepare(opened, get_plotlyjs(), HOST)
        prepare_for_labs(opened)
        yield opened


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One with kept runs, whose read-outs and titles are long."""
    start = Settings(meta_batch=2, shots=3, inner_steps=3, alpha_learned="element")
    session = Session(start, model=sinusoid_mlp, tasks=Sinusoid, test_tasks=20)
    session.set(order=1)
    session.run(3)
    for _ in range(3):
        session.pin()
        session.run(1)
    lab = Lab(session)
    lab._loop.close()  # the tests draw themselves, and a thread would outlast them
    lab.press("more")
    yield lab
    lab.close()
    session.close()


@pytest.fixture(scope="module")
def tides() -> Iterator[Lab]:
    """Long titles, a map, and whose data they are."""
    session = Session(Settings(), model=sinusoid_mlp, tasks=Sinusoid)
    session.restart(*switched(session.source, session.specification, problem="Tides", model=None))
    session.run(2)
    lab = Lab(session)
    lab._loop.close()  # the tests draw themselves, and a thread would outlast them
    lab.press("more")
    yield lab
    lab.close()
    session.close()


@pytest.fixture(scope="module")
def paths() -> Iterator[Lab]:
    """A policy, whose task is a goal."""
    family = partial(Navigation, queries=2, horizon=5)
    start = Settings(meta_batch=2, shots=2)
    session = Session(start, model=gaussian_policy, tasks=family, test_tasks=2, test_steps=3)
    lab = Lab(session)
    lab._loop.close()  # the tests draw themselves, and a thread would outlast them
    yield lab
    lab.close()
    session.close()


def settled(lab: Lab) -> Lab:
    """The lab with nothing left to draw."""
    lab._draw()
    return lab


LONG = {
    "status": {"value": ["meta-step 12,345 · task 12 of 25, inner step 10", "seed 0 · 10 shots"]}
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("width", [WIDE, NARROW, HALF, PHONE])
def test_no_label_is_cut_and_none_is_over_another(
    page: Page, lab: Lab, tides: Lab, paths: Lab, width: int, large: bool
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for each in (lab, tides, paths):
        show_lab(page, settled(each), large=large)
        page.evaluate("(long) => { lab.state = { ...lab.state, ...long }; heard.state(); }", LONG)
        unfold(page)
        wait_for_plots(page)
        expect(page.get_by_role("status").first).to_contain_text("12,345")
        assert page.evaluate(CUT) == []
        assert page.evaluate(COLLISIONS) == []


def unfold(page: Page) -> None:
    controls = page.get_by_role("button", name="Controls", exact=True)
    if controls.is_visible():
        controls.click()


def extreme_views() -> Iterator[LabView]:
    """Numbers with many digits, on all axes."""
    usual = full_view()
    assert isinstance(usual.portrait, Portrait)
    for size in (1e-5, 1234.5, 2e7):
        x = torch.linspace(-1, 1, 5, dtype=torch.float64) * size
        yield replace(
            usual,
            adaptation=replace(
                usual.adaptation,
                curve=curve(*(size * np.array([4.0, 2.0, 900.0]))),
                untrained=curve(*(size * np.array([5.0, 5.0, 5.0]))),
                baseline=None,
                ghosts=usual.adaptation.ghosts[:3],
            ),
            portrait=replace(
                usual.portrait, x=x, truth=x, predictions=x.expand(11, 5), support_x=x, support_y=x
            ),
            training=losses(*(size * np.geomspace(1e-4, 1e4, 30))),
        )


@pytest.mark.parametrize("large", [False, True])
def test_numbers_never_run_into_the_title_of_their_axis(page: Page, lab: Lab, large: bool) -> None:
    page.set_viewport_size({"width": NARROW, "height": 900})
    show_lab(page, settled(lab), large=large)
    for view in extreme_views():
        figures = lab_figures(view.portrait)
        show_view(figures, view)
        show_figures(page, figures)
        assert page.evaluate(COLLISIONS) == []


ROWS = """() => new Set([...document.querySelectorAll(".maml-lab-place-top button")]
  .filter((button) => button.checkVisibility())
  .map((button) => Math.round(button.getBoundingClientRect().top))).size"""


@pytest.mark.parametrize(("width", "large"), [(NARROW, True), (HALF, False), (PHONE, False)])
def test_a_narrow_page_folds_the_controls_into_one_row(
    page: Page, lab: Lab, width: int, large: bool
) -> None:
    page.set_viewport_size({"width": width, "height": 600})
    show_lab(page, settled(lab), large=large)
    alpha = page.get_by_role("slider", name="α", exact=True)
    controls = page.get_by_role("button", name="Controls", exact=True)
    expect(alpha).to_be_hidden()
    assert page.evaluate(ROWS) == 1
    plot = page.locator(".maml-lab-adaptation .nsewdrag").bounding_box()
    assert plot is not None
    assert plot["y"] + plot["height"] < 600, "the plot is not visible"
    controls.click()
    expect(alpha).to_be_visible()
    expect(controls).to_have_attribute("aria-expanded", "true")
    # below the pointer that has just pressed it, there is no other button now
    page.mouse.down()
    page.mouse.up()
    expect(alpha).to_be_hidden()


def test_a_wide_page_folds_nothing_and_a_narrow_one_not_what_is_needed_now(
    page: Page, lab: Lab
) -> None:
    controls = page.get_by_role("button", name="Controls", exact=True)
    for width, large in ((NARROW, False), (BESIDE_FILES, True)):
        page.set_viewport_size({"width": width, "height": 600})
        show_lab(page, settled(lab), large=large)
        expect(controls).to_be_hidden()
        expect(page.get_by_role("slider", name="α", exact=True)).to_be_visible()
    page.set_viewport_size({"width": HALF, "height": 600})
    show_lab(page, settled(lab))
    back = page.get_by_role("button", name="Back to live")
    expect(back).to_be_hidden()
    lab.choose("look", 1)
    show_lab(page, settled(lab))
    lab.press("live")
    expect(back).to_be_visible()


def test_what_folds_itself_leaves_the_focus_to_what_unfolds_it(page: Page, lab: Lab) -> None:
    page.set_viewport_size({"width": NARROW, "height": 600})
    show_lab(page, settled(lab))
    page.get_by_role("button", name="Large type").focus()
    page.evaluate("() => { lab.large = true; heard.large(); }")
    expect(page.get_by_role("button", name="Controls", exact=True)).to_be_focused()


def test_what_a_lesson_lists_is_in_sight_on_a_narrow_page(page: Page, lab: Lab) -> None:
    lesson = Lab(lab.session, show=["alpha", "play"])
    try:
        page.set_viewport_size({"width": HALF, "height": 600})
        lesson._loop.close()
        show_lab(page, settled(lesson))
        expect(page.get_by_role("slider", name="α", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Controls", exact=True)).to_be_hidden()
    finally:
        lesson.close()


BORDERS = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const solid = (...colours) => {
    for (const colour of ["white", ...colours]) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
    }
    const bytes = context.getImageData(0, 0, 1, 1).data;
    return `#${[...bytes].slice(0, 3).map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  };
  const paper = getComputedStyle(document.body).backgroundColor;
  const inputs = ".maml-lab-place :is(button, select, input[type=text]):enabled";
  return [...document.querySelectorAll(inputs)].filter((input) => input.checkVisibility())
    .map((input) => [solid(paper, getComputedStyle(input).borderTopColor), solid(paper)]);
}"""

LIGHT = """:root {
  --jp-ui-font-color1: rgba(0, 0, 0, 0.87); --jp-layout-color1: #fff; --jp-layout-color2: #eee;
  --jp-border-color1: #bdbdbd; --jp-brand-color1: #1976d2; }
body { background: #fff; }"""
DARK = """:root {
  --jp-ui-font-color1: #fff; --jp-layout-color1: #212121; --jp-layout-color2: #424242;
  --jp-border-color1: #616161; --jp-brand-color1: #2196f3; }
body { background: #111; }"""
"""Colours of JupyterLab's themes."""


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_borders_and_empty_tracks_stand_out(page: Page, lab: Lab, theme: str) -> None:
    page.set_viewport_size({"width": WIDE, "height": 900})
    show_lab(page, settled(lab))
    style = page.add_style_tag(content=theme)
    try:
        borders = page.evaluate(BORDERS)
        assert len(borders) > 20
        assert min(contrast(border, paper) for border, paper in borders) >= 3
        assert min(track_contrasts(page)) >= 3
    finally:
        style.evaluate("(style) => style.remove()")


def track_contrasts(page: Page) -> list[float]:
    """Of the empty part of a slider, of its full part, and of its thumb, each against the paper."""
    slider = page.get_by_role("slider", name="β", exact=True)
    share = float(slider.evaluate("(s) => s.style.getPropertyValue('--maml-lab-share')"))
    assert 0.2 < share < 0.8
    picture = Image.open(io.BytesIO(slider.screenshot())).convert("RGB")
    width, middle = picture.width, picture.height // 2
    paper = hexadecimal(picture, 0, 0)
    return [
        max(contrast(hexadecimal(picture, x, middle + dy), paper) for dy in (-1, 0, 1))
        for x in (width - 8, 8, round(share * width))
    ]


def ground(button: Locator) -> str:
    """What it is painted with: what is computed is not yet what the system forces upon it."""
    picture = Image.open(io.BytesIO(button.screenshot())).convert("RGB")
    return hexadecimal(picture, 4, picture.height // 2)


def hexadecimal(picture: Image.Image, x: int, y: int) -> str:
    pixel: Any = picture.getpixel((x, y))
    return "#" + "".join(f"{channel:02x}" for channel in pixel[:3])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_show_sliders_and_what_is_pressed(page: Page, lab: Lab, scheme: Any) -> None:
    page.set_viewport_size({"width": WIDE, "height": 900})
    page.emulate_media(forced_colors="active", color_scheme=scheme)
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    try:
        show_lab(page, settled(lab))
        assert min(track_contrasts(page)) >= 3
        more = page.get_by_role("button", name="More", exact=True)
        reset = page.get_by_role("button", name="Reset", exact=True)
        exact, first = (page.get_by_role("radio", name=name) for name in ("exact", "first-order"))
        expect(more).to_have_attribute("aria-pressed", "true")
        on, off = ground(more), ground(reset)
        assert contrast(on, off) >= 3
        assert (ground(first), ground(exact)) == (on, off)
        # curves are drawn for the paper that the system gives
        names = page.locator(".maml-lab-title b").first
        letters = "(element) => getComputedStyle(element).color"
        bright = names.evaluate(letters) == "rgb(255, 255, 255)"
        assert bright == (scheme == "dark")
        line = page.locator(".maml-lab-adaptation .maml-lab-plot").evaluate(
            "({ layout }) => layout.font.color"
        )
        assert contrast(line, "#000000" if bright else "#ffffff") > 4.5
    finally:
        page.emulate_media(forced_colors="none", color_scheme="light")
        page.evaluate("delete document.body.dataset.jpThemeLight")


def test_what_is_pressed_is_large_enough_for_a_finger(page: Page, lab: Lab) -> None:
    page.set_viewport_size({"width": WIDE, "height": 900})
    show_lab(page, settled(lab))
    sizes = page.locator(".maml-lab button:visible, .maml-lab .modebar-btn").evaluate_all(
        """(all) => all.map((one) => one.getBoundingClientRect())
          .map(({ width, height }) => Math.min(width, height))"""
    )
    assert len(sizes) > 25
    assert min(sizes) >= 24


POINT = """(index) => {
  const [point] = [...document.querySelectorAll(".maml-lab-task .point")].slice(index);
  const { x, y, width, height } = point.getBoundingClientRect();
  return [x + width / 2, y + height / 2];
}"""


def test_keys_edit_the_support_points(page: Page, lab: Lab) -> None:
    page.set_viewport_size({"width": WIDE, "height": 900})
    show_lab(page, settled(lab))
    page.evaluate("sent.splice(0)")
    x, y = page.evaluate(
        """() => {
          const { data } = document.querySelector(".maml-lab-task .maml-lab-plot");
          const support = data.find(({ meta }) => meta?.support);
          return [Array.from(support.x), Array.from(support.y)];
        }"""
    )
    order = sorted(range(3), key=lambda i: x[i])
    point = page.get_by_role("slider", name="Support points")
    # the last stop before the training panel
    page.get_by_role("button", name="K = 5").focus()
    page.keyboard.press("Shift+Tab")
    expect(point).to_be_focused()
    outline = point.evaluate("(ring) => getComputedStyle(ring).outline")
    assert "solid 3px" in outline
    assert "Arrow keys move" in str(point.get_attribute("aria-description"))

    def ring() -> tuple[float, float]:
        box = point.bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    page.keyboard.press("Home")
    expect(point).to_have_attribute(
        "aria-valuetext", f"1 of 3: x {float(f'{x[order[0]]:.3g}'):g}, y {y[order[0]]:.3g}"
    )
    assert ring() == pytest.approx(page.evaluate(POINT, order[0]), abs=1.5)
    page.keyboard.press("PageDown")
    expect(point).to_have_attribute("aria-valuetext", re.compile("^2 of 3: "))
    assert page.evaluate("sent") == []
    middle = order[1]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    page.wait_for_function("() => sent.filter(({ final }) => final).length === 2")
    moves = page.evaluate("sent.splice(0)")
    assert {(move["kind"], move["action"], move["index"]) for move in moves} == {
        ("support", "move", middle)
    }
    assert x[middle] < moves[-1]["x"] < x[middle] + 0.2
    assert moves[-1]["y"] > y[middle]
    page.keyboard.press("Enter")
    page.keyboard.press("Delete")
    added, removed = page.evaluate("sent.splice(0)")
    assert (added["action"], added["index"], removed["action"]) == ("add", None, "remove")
    assert added["x"] > x[middle]


CENTRE = """(plot) => {
  const layers = [...document.querySelectorAll(".maml-lab-task .nsewdrag")];
  const { x, y, width, height } = layers[plot].getBoundingClientRect();
  return [x + width / 2, y + height / 2, width];
}"""


def test_a_click_or_a_key_places_the_goal_on_any_of_its_plots(page: Page, paths: Lab) -> None:
    page.set_viewport_size({"width": WIDE, "height": 900})
    for arrangement, plot in (("overlaid", 0), ("by step", 2)):
        paths.choose("paths", arrangement)
        show_lab(page, settled(paths))
        page.evaluate("sent.splice(0)")
        assert page.evaluate(COLLISIONS) == []
        x, y, width = page.evaluate(CENTRE, plot)
        page.mouse.click(x + width / 3, y)  # a third of the 1.5 that a plot shows
        page.wait_for_function("() => sent.some(({ final }) => final)")
        (message,) = page.evaluate("sent.splice(0)")
        assert (message["kind"], message["action"], message["index"]) == ("support", "move", 0)
        assert (message["x"], message["y"]) == pytest.approx((0.5, 0.0), abs=0.02)
        goal = page.get_by_role("slider", name="Goal", exact=True)
        goal.focus()
        for key in ("Delete", "Enter", "Shift+ArrowLeft"):
            page.keyboard.press(key)
        page.wait_for_function("() => sent.some(({ final }) => final)")
        assert {move["action"] for move in page.evaluate("sent.splice(0)")} == {"move"}


def test_a_screen_reader_is_told_the_curves(page: Page, lab: Lab) -> None:
    page.set_viewport_size({"width": WIDE, "height": 900})
    show_lab(page, settled(lab))
    figures = page.get_by_role("figure")
    for name in ("Held-out tasks", "One held-out task", "Meta-training"):
        expect(figures.and_(page.get_by_role("figure", name=name))).to_have_count(1)
    table = page.get_by_role("table", name="query loss").first
    expect(table.get_by_role("row")).to_have_count(12)
    heads = table.get_by_role("columnheader").all_inner_texts()
    assert heads[0].startswith("inner steps")
    assert {"untrained", "median"} <= set(heads)
    view = full_view()
    example = lab_figures(view.portrait)
    show_view(example, view)
    show_figures(page, example)
    expect(table.get_by_role("row").nth(2)).to_contain_text("5")
    reptile = table.get_by_role("columnheader").all_inner_texts().index("Reptile")
    cells = table.get_by_role("row").nth(2).locator("th, td").all_inner_texts()
    assert (cells[0], cells[reptile]) == ("1", "2")
    drawings = page.locator(".maml-lab .main-svg")
    assert set(drawings.evaluate_all("(all) => all.map((one) => one.ariaHidden)")) == {"true"}
