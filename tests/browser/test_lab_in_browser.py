"""The lab in a real JupyterLab and a real browser, asserted on state and not on pixels."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import Opener
from tests.browser.jupyterlab import NotebookPage

STEP = "session.snapshot().meta_step"


@pytest.fixture
def lab(opened: Opener) -> Iterator[NotebookPage]:
    with opened("01_sinusoid.ipynb") as notebook:
        yield notebook


def test_lab_from_run_all_to_reset(lab: NotebookPage) -> None:
    assert not lab.page.locator(".jp-Dialog").is_visible(), "a dialog hides the notebook"
    assert lab.kernel(STEP) == "0"
    assert lab.status().startswith("meta-step 0 · paused")
    start = lab.traces()
    assert len(start["mean"]["y"]) == 11
    assert start["after adaptation"]["y"] == []

    lab.button("Play").click()
    lab.until(f"{STEP} > 50")
    lab.wait_for_status("meta-step [1-9].* meta-steps/s")
    assert lab.kernel("1 + 1") == "2", "the kernel is not free while the lab trains"
    lab.wait_for_trace("after adaptation", "t.y.length > 10")
    lab.wait_for_trace("mean", f"t.y[0] !== {start['mean']['y'][0]}")

    lab.drag(lab.slider(0), by=60)
    lab.until("session.settings.alpha > 0.011")
    lab.until("any(event.name == 'alpha' for event in session.snapshot().events)")
    lab.wait_for_trace("changes", "t.text.some((text) => text.includes('α'))")

    lab.button("Pause").click()
    lab.until("not session.playing")
    lab.button("Play").wait_for()
    paused = int(lab.kernel(STEP))

    lab.button("Step").click()
    lab.until(f"{STEP} == {paused + 1}")

    lab.button("Reset").click()
    lab.until(f"{STEP} == 0")
    lab.wait_for_trace("after adaptation", "t.y.length === 0")
    lab.wait_for_trace("changes", "t.x.length === 0")
    assert lab.kernel("session.settings.seed") == "0"
    assert float(lab.kernel("session.settings.alpha")) > 0.011


def test_typed_values_keyboard_and_order(lab: NotebookPage) -> None:
    alpha = lab.number(0)
    alpha.fill("5e-2")
    alpha.press("Enter")
    lab.until("session.settings.alpha == 0.05")
    alpha.fill("minus one")
    alpha.press("Enter")
    lab.page.get_by_text("α = 'minus one': not a number; 0.05 was kept").wait_for()
    assert alpha.input_value() == "0.05"
    lab.slider(1).focus()
    lab.page.keyboard.press("ArrowRight")
    lab.until("session.settings.beta > 0.001")
    lab.button("1 first-order").click()
    lab.until("session.settings.order == 1")
    # while paused, the curve answers to the settings
    lab.wait_for_trace("mean", "t.y.length === 11")
    lab.kernel("session.set(inner_steps=3)")
    lab.wait_for_trace("step 3", "t.y.length > 50")
    assert lab.button("Play").is_enabled()


def test_the_trainers_exception_appears_in_words(lab: NotebookPage) -> None:
    alpha = lab.number(0)
    alpha.fill("1e200")
    alpha.press("Enter")
    lab.until("session.settings.alpha == 1e200")
    lab.button("Play").click()
    lab.page.get_by_text("Training stopped. DivergedError: meta-step").wait_for()
    lab.button("Play").wait_for()


def test_run_all_again_and_kernel_restart_are_harmless(lab: NotebookPage) -> None:
    lab.button("Play").click()
    lab.until(f"{STEP} > 5")
    lab.kernel("globals().__setitem__('old', session)")
    lab.run_all()
    lab.until("session is not old and not old.playing")
    assert lab.kernel(STEP) == "0"
    threads = "sum(t.name == 'maml-lab-view' for t in __import__('threading').enumerate())"
    assert lab.kernel(threads) == "1"
    assert lab.plots().count() == 1

    lab.button("Play").click()
    lab.until(f"{STEP} > 5")
    lab.restart_kernel()
    lab.run_all()
    assert lab.kernel(STEP) == "0"
    assert lab.lab().count() == 1
    lab.button("Play").click()
    # longer than a double click takes, which counts as one click
    lab.until(f"{STEP} > 200")
    lab.button("Pause").click()
    lab.until("not session.playing")
    # what the browser says of widgets whose kernel has gone is JupyterLab's own
    lab.errors.clear()


def test_figure_fits_its_place(lab: NotebookPage) -> None:
    def fits() -> None:
        lab.page.wait_for_function(
            """() => {
              const lab = document.querySelector('.maml-lab');
              const plot = lab.querySelector('.main-svg');
              return Math.abs(Number(plot.getAttribute('width')) - lab.clientWidth) <= 1;
            }"""
        )

    fits()
    lab.page.set_viewport_size({"width": 1024, "height": 768})
    fits()
    lab.command("application:toggle-left-area")
    fits()
