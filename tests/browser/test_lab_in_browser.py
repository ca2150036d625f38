"""The lab in a real JupyterLab and a real browser, asserted on state and not on pixels."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from labkit import read_result, read_share_code
from tests.browser.conftest import Opener, Served
from tests.browser.jupyterlab import NotebookPage
from tests.browser.lab_page import with_cache
from tests.browser.servers import JUPYTERLAB, ROOT, WITHOUT_SUBSHELLS
from tests.warm_kernels import warm_kernels

FIRST = "01_sinusoid.ipynb"
STEP = "session.snapshot().meta_step"


@pytest.fixture(scope="module")
def notebook(served: Served, chromium: Browser) -> Iterator[NotebookPage]:
    """A page of JupyterLab, which takes seconds to load, for all tests of this file."""
    server = served(JUPYTERLAB)
    server.fresh(FIRST)
    with with_cache(chromium) as context:
        page = NotebookPage(context.new_page(), JUPYTERLAB.own_errors)
        page.open(server.url(FIRST))
        yield page
        page.shut_down_kernel()


@pytest.fixture
def lab(notebook: NotebookPage) -> Iterator[NotebookPage]:
    """All cells run in a kernel that has run nothing before."""
    notebook.page.set_viewport_size({"width": 1440, "height": 900})
    notebook.restart_kernel()
    notebook.run_all()
    # what the browser says of widgets whose kernel has gone is JupyterLab's own
    notebook.errors.clear()
    yield notebook
    assert notebook.errors == []


def test_every_button_and_every_control(lab: NotebookPage) -> None:
    expect(lab.button("Play")).to_be_focused()  # where "Run All" ends, though cells follow
    expect(lab.page.locator(".maml-lab-row-notices")).to_be_hidden()  # nothing is said
    _play_and_step(lab)
    _settings(lab)
    _history(lab)
    _panels(lab)
    _other_tasks(lab)


def test_messages_that_wait_for_the_kernels_main_thread_play_and_step_too(opened: Opener) -> None:
    with opened(FIRST, WITHOUT_SUBSHELLS) as lab:
        _play_and_step(lab)


def _play_and_step(lab: NotebookPage) -> None:
    assert not lab.page.locator(".jp-Dialog").is_visible(), "a dialog hides the notebook"
    assert lab.kernel(STEP) == "0"
    assert lab.status().startswith("meta-step 0 · paused")
    start = lab.traces()
    assert len(start["MAML"]["y"]) == 11
    assert start["after adaptation"]["y"] == []

    lab.button("Play").click()
    lab.until(f"{STEP} > 50")
    lab.wait_for_status("meta-step [1-9].* meta-steps/s")
    assert lab.kernel("1 + 1") == "2", "the kernel is not free while the lab trains"
    lab.wait_for_trace("after adaptation", "t.y.length > 10")
    lab.wait_for_trace("MAML", f"t.y[0] !== {start['MAML']['y'][0]}")
    lab.drag(lab.slider("α"), by=60)
    lab.until("session.settings.alpha > 0.011")
    lab.until("any(event.name == 'alpha' for event in session.snapshot().events)")
    lab.wait_for_trace("changes", "t.text.some((text) => text.includes('α'))")
    lab.pass_double_click()
    lab.button("Pause").click()
    lab.until("not session.playing")

    paused = int(lab.kernel(STEP))
    lab.button("Step: inner").click()
    lab.wait_for_status("task 1 of 25, inner step 1")
    lab.button("Step: task").click()
    lab.wait_for_status("task 2 of 25, inner step 1")
    lab.button("Step: meta").click()
    lab.until(f"{STEP} == {paused + 1}")
    lab.button("Undo").click()
    lab.until("session.settings.alpha == 0.01")
    lab.button("Redo").click()
    lab.until(f"{STEP} == {paused + 1} and session.settings.alpha > 0.011")
    lab.button("Next seed").click()
    lab.until(f"{STEP} == 0 and session.settings.seed == 1")
    lab.button("Reset").click()
    lab.wait_for_trace("after adaptation", "t.y.length === 0")
    lab.wait_for_trace("changes", "t.x.length === 0")
    assert lab.kernel("session.settings.seed") == "1"


def _settings(lab: NotebookPage) -> None:
    lab.type("α", "5e-2")
    lab.until("session.settings.alpha == 0.05")
    lab.type("α", "minus one")
    lab.page.get_by_text("is not a number").wait_for()
    expect(lab.typed("α")).to_have_value("0.05")
    lab.type("α", "-1")
    expect(lab.page.locator(".maml-lab-row-notices")).to_be_visible()
    lab.wait_for_message("α = -1: must be a finite number ≥ 0")
    expect(lab.typed("α")).to_have_value("0.05")
    lab.slider("β").focus()
    lab.page.keyboard.press("ArrowRight")
    lab.until("session.settings.beta > 0.001")
    lab.type("K", "3")
    # while paused, the figures answer to the settings
    lab.wait_for_trace("step 3", "t.y.length > 50")
    lab.unfold()
    lab.type("meta-batch", "5")
    lab.type("shots", "6")
    lab.wait_for_trace("support", "t.x.length === 6")
    lab.segment("first-order").click()
    lab.wait_for_trace("first-order MAML", "t.y.length === 11")
    lab.choice("meta-optimiser").select_option("SGD")
    lab.choice("inner step size").select_option("learned per tensor")
    lab.until("session.settings.alpha_learned == 'tensor'")
    expect(lab.slider("α")).to_be_disabled()
    lab.choice("algorithm").select_option("Reptile")
    expect(lab.segment("exact")).to_be_disabled()
    lab.wait_for_trace("Reptile", "t.y.length === 11")
    chosen = "(s.inner_steps, s.meta_batch, s.shots, s.order, s.meta_optimizer, s.algorithm)"
    expected = "(3, 5, 6, 1, 'sgd', 'reptile')"
    assert lab.kernel(f"[{chosen} for s in [session.settings]][0]") == expected
    lab.choice("algorithm").select_option("MAML")
    lab.choice("inner step size").select_option("fixed")
    lab.type("α", "1e200")
    lab.until("session.settings.alpha == 1e200")
    lab.button("Play").click()
    lab.wait_for_message("Training stopped: meta-step")
    lab.type("α", "0.01")
    lab.button("Play").wait_for()


def _history(lab: NotebookPage) -> None:
    for count in (1, 2, 3):
        lab.button("Step: meta").click()
        lab.until(f"session.last_step == {count}")
    lab.button("Keep curves").click()
    lab.wait_for_trace("first-order MAML · 3", "t.visible && t.y.length > 2")
    lab.type("history", "1")
    lab.page.get_by_text("Viewing meta-step 1 of 3").wait_for()
    expect(lab.slider("β")).to_be_disabled()
    lab.button("Back to live").click()
    lab.wait_for_status("meta-step 3 · paused")
    # plotly takes for a click what is near to a point
    axis = "plot => plot._fullLayout.xaxis.d2p(2) / plot._fullLayout.xaxis._length"
    share = lab.plot("training").evaluate(axis)
    lab.point_at("training", share, 0.5)
    lab.page.mouse.click(*lab.place("training", share, 0.5))
    lab.page.get_by_text("Viewing meta-step 2 of 3").wait_for()
    lab.button("Branch from here").click()
    lab.until("session.last_step < 3 and session.looking is None")
    assert lab.kernel("len(session.ghosts)") == "1", "its end has been kept already"
    lab.button("Clear kept").click()
    lab.until("not session.ghosts")
    expect(lab.button("Clear kept")).to_be_disabled()
    lab.segment("seconds").click()
    lab.lab().locator(".xtitle", has_text="seconds of training").wait_for()
    lab.segment("meta-steps").click()


def _panels(lab: NotebookPage) -> None:
    before = lab.traces()["support"]["x"]
    lab.button("New task").click()
    lab.wait_for_trace("support", f"t.x[0] !== {before[0]}")
    count = len(before)
    lab.page.mouse.click(*lab.place("task", 0.55, 0.06))
    lab.wait_for_trace("support", f"t.x.length === {count + 1}")
    lab.button("Reset points").click()
    lab.wait_for_trace("support", f"t.x.length === {count}")
    lab.type("show step", "1")
    expect(lab.button("All")).to_have_attribute("aria-pressed", "false")
    lab.button("All").click()
    expect(lab.button("All")).to_have_attribute("aria-pressed", "true")
    lab.button("Large type").click()
    expect(lab.page.locator(".maml-lab-large")).to_have_count(1)
    lab.button("Large type").click()
    expect(lab.page.locator(".maml-lab-large")).to_have_count(0)


def _other_tasks(lab: NotebookPage) -> None:
    lab.restart("model", "100-100 ReLU")
    lab.until("session.snapshot().params['0.weight'].shape[0] == 100")
    lab.restart("tasks", "Tides")
    lab.wait_for_status("meta-step 0 · paused")
    lab.choice("metric").select_option("mae ft")
    expect(lab.plot("adaptation").locator(".ytitle")).to_have_text("query mae ft")
    lab.restart("tasks", "Sinusoid")
    expect(lab.plot("adaptation").locator(".ytitle")).to_have_text("query loss")


def test_what_is_exported_runs_headless_to_the_same_numbers(
    lab: NotebookPage, tmp_path: Path
) -> None:
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.unfold()
    lab.type("meta-batch", "3")
    for alpha in ("0.02", "0.03"):
        lab.type("α", alpha)
        lab.until(f"session.settings.alpha == {alpha}")
        lab.button("Step: meta").click()
        lab.until("not session.playing")
    lab.until("session.last_step == 2")
    with lab.page.expect_download() as download:
        lab.export("Parameters for papermill, YAML")
    assert download.value.suggested_filename == "maml-lab-2.yaml"
    parameters, output = tmp_path / "parameters.yaml", tmp_path / "out.ipynb"
    download.value.save_as(parameters)
    command = [sys.executable, "-m", "papermill", str(ROOT / "notebooks" / FIRST), str(output)]
    environment = {**os.environ, **warm_kernels(), "IPYTHONDIR": str(tmp_path / "ipython")}
    subprocess.run([*command, "-f", str(parameters)], env=environment, check=True)
    result = read_result(output)
    live = lab.kernel("labkit.measure(session).metrics")
    assert ast.literal_eval(live) == result.metrics
    assert [event["value"] for event in result.events] == [0.02, 3, 0.03]

    lab.export("Share code (copied)")
    lab.wait_for_message("Copied: maml1.")
    code = lab.page.evaluate("navigator.clipboard.readText()")
    assert read_share_code(code).meta_step == 2
    field = lab.lab().get_by_role("textbox", name="share code", exact=True)
    expect(field).to_be_hidden()
    lab.button("Load a share code").click()
    lab.button("Reset").click()
    lab.until("session.last_step == 0")
    field.fill(code)
    field.press("Enter")
    lab.until("session.last_step == 2 and not session.playing")
    lab.button("Load a share code").click()
    field.fill("maml1.no")
    field.press("Enter")
    lab.wait_for_message("this share code is cut short")
    for item in ("Figures, SVG", "Figures, PNG", "Figures, one web page", "Curves, Parquet"):
        with lab.page.expect_download() as download:
            lab.export(item)
        assert download.value.suggested_filename.startswith("maml-lab-2")
        assert Path(download.value.path()).stat().st_size > 1000


def test_a_double_click_forks_pins_and_reseeds_once(lab: NotebookPage) -> None:
    lab.button("Play").click()
    lab.until(f"{STEP} > 5")
    lab.button("Keep curves").dblclick()
    lab.until("len(session.ghosts) == 1")
    lab.button("Branch from here").dblclick()
    lab.until("not session.playing and len(session.ghosts) == 2")
    lab.button("Next seed").dblclick()
    lab.until("session.settings.seed == 1")
    lab.button("Reset").dblclick()
    # one after the other: whatever the double clicks have done is done by now
    lab.button("Large type").click()
    expect(lab.button("Large type")).to_have_attribute("aria-pressed", "true")
    assert lab.kernel("len(session.ghosts), session.settings.seed") == "(2, 1)"
    for _ in range(2):
        lab.button("Undo").click()
    lab.until("session.settings.seed == 0")
    assert lab.page.evaluate("String(getSelection())") == ""


def test_run_all_again_and_kernel_restart_are_harmless(lab: NotebookPage) -> None:
    lab.button("Play").click()
    lab.until(f"{STEP} > 5")
    lab.kernel("globals().__setitem__('old', session)")
    lab.run_all()
    lab.until("session is not old and not old.playing")
    assert lab.kernel(STEP) == "0"
    threads = "sum(t.name == 'maml-lab-view' for t in __import__('threading').enumerate())"
    assert lab.kernel(threads) == "1"
    assert lab.plots().count() == 3

    lab.button("Play").click()
    lab.until(f"{STEP} > 5")
    lab.restart_kernel()
    lab.page.get_by_text("The kernel has restarted: run all cells again.").wait_for()
    lab.run_all()
    assert lab.kernel(STEP) == "0"
    assert lab.lab().count() == 1
    lab.button("Play").click()
    # longer than a double click takes, which counts as one click
    lab.until(f"{STEP} > 200")
    lab.pass_double_click()
    lab.button("Pause").click()
    lab.until("not session.playing")
    # what the browser says of widgets whose kernel has gone is JupyterLab's own
    lab.errors.clear()


LAYOUTS = {
    "large-window": (1440, 900),
    "small-window": (1024, 768),
    "half-width": (700 + 432, 900),  # 432 pixels are JupyterLab's own
}


def test_figures_fit_their_places_in_all_layouts(lab: NotebookPage, tmp_path: Path) -> None:
    """With `MAML_LAB_PICTURES` set to a folder, a picture of each layout is kept there."""
    folder = Path(os.environ.get("MAML_LAB_PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    lab.button("Play").click()
    lab.until(f"{STEP} > 300")
    lab.pass_double_click()
    lab.button("Pause").click()
    lab.button("Keep curves").click()
    lab.segment("first-order").click()
    lab.until("not session.playing")
    for theme in ("Dark", "Light"):
        lab.theme(theme)
        for name, (width, height) in LAYOUTS.items():
            lab.page.set_viewport_size({"width": width, "height": height})
            for large in (False, True):
                if large:
                    lab.press_large_type()
                    lab.page.locator(".maml-lab-large").wait_for()
                _fits(lab)
                lab.lab().evaluate("(lab) => lab.scrollIntoView()")
                lab.page.mouse.move(2, 2)
                kind = f"{name}-{theme.lower()}{'-large-type' * large}"
                lab.page.screenshot(path=folder / f"{kind}.png")
                if large:
                    lab.press_large_type()
                    lab.page.locator(".maml-lab-large").wait_for(state="detached")
    assert len(list(folder.glob("*.png"))) >= 12


def test_controls_adaptation_and_task_are_seen_at_one_time(lab: NotebookPage) -> None:
    lab.command("application:toggle-left-area")
    lab.button("Keep curves").click()
    for name, large in (("large-window", False), ("small-window", False), ("large-window", True)):
        width, height = LAYOUTS[name]
        lab.page.set_viewport_size({"width": width, "height": height})
        if large:
            lab.button("Large type").click()
            lab.page.locator(".maml-lab-large").wait_for()
        _fits(lab)
        lab.lab().evaluate("(lab) => lab.scrollIntoView()")
        for part in (lab.button("Play"), lab.plot("adaptation"), lab.plot("task")):
            expect(part).to_be_in_viewport(ratio=1)
    lab.command("application:toggle-left-area")  # as the next test expects it


def test_the_labels_of_marks_stay_through_every_redraw(lab: NotebookPage) -> None:
    lab.button("Play").click()
    lab.until(f"{STEP} > 100")
    for name, value in (("α", "0.02"), ("K", "3"), ("α", "0.03")):
        now = int(lab.kernel(STEP))
        lab.until(f"{STEP} > {now + now // 10}")
        lab.type(name, value)
    lab.wait_for_trace("changes", "t.text.filter(Boolean).length === 3")
    labels = lab.plot("training").locator(".textpoint text")
    expect(labels).to_have_count(3)
    # each is a redraw of plotly's, which its labels need below a pointer: what plotly loses in one
    # it may find again in the next
    lab.point_at("training", 0.5, 0.5)
    seen = lab.page.evaluate(
        """async () => {
          const gd = document.querySelector('.maml-lab-training .maml-lab-plot');
          const seen = new Set();
          for (let i = 0; i < 12; i++) {
            await new Promise((done) => gd.once('plotly_afterplot', done));
            seen.add(gd.querySelectorAll('.textpoint text').length);
          }
          return [...seen];
        }"""
    )
    assert seen == [3]


def _fits(lab: NotebookPage) -> None:
    """Each plot is as wide as its place, and nothing sticks out of the lab."""
    lab.page.wait_for_function(
        """() => {
          const lab = document.querySelector('.maml-lab');
          const plots = [...lab.querySelectorAll('.maml-lab-plot')];
          const wide = plots.every((plot) => Math.abs(
            Number(plot.querySelector('.main-svg').getAttribute('width')) - plot.clientWidth) <= 1);
          return wide && lab.scrollWidth <= lab.clientWidth;
        }"""
    )


def test_keys_pressed_one_after_the_other_are_undone_one_by_one(lab: NotebookPage) -> None:
    slider = lab.slider("β")
    slider.focus()
    values = [0.001]
    for _ in range(2):
        lab.page.keyboard.press("ArrowRight")
        values.append(float(slider.get_attribute("aria-valuetext") or "nan"))
    lab.until(f"session.settings.beta == {values[2]}")
    for before in (values[1], values[0]):
        lab.button("Undo").click()
        lab.until(f"session.settings.beta == {before}")
