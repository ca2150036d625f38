"""The dashboard in a real JupyterLab and a real browser: small figures of its own, no session."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Served
from tests.browser.jupyterlab import NotebookPage
from tests.browser.lab_page import with_cache
from tests.browser.servers import JUPYTERLAB

SETUP = """
import numpy as np, plotly.graph_objects as go
from labkit.widgets.dashboard import Dashboard

if "dashboard" in globals():
    dashboard.close()
heard = []
x = np.linspace(-5, 5, 101)
margin = dict(l=52, r=12, t=40, b=40, autoexpand=False)

def made(traces, x_title, **layout):
    return go.Figure(traces, go.Layout(template="none", margin=margin, hovermode="x unified",
        xaxis_title_text=x_title, legend=dict(orientation="h", y=1, yanchor="bottom"), **layout))

def figures():
    lines = [go.Scatter(name=n, mode="lines+markers", line=dict(color=c), x=np.arange(11.0),
        y=np.arange(11.0)[::-1])
        for n, c in (("untrained", "#767676"), ("mean", "#0072b2"))]
    cursor = go.Scatter(name="cursor", mode="lines", y=[0.0, 10.0], meta={"cursor": True},
        line=dict(color="#a0457a", width=1), hoverinfo="skip", showlegend=False)
    steps = [go.Scatter(name=f"step {k}", mode="lines", x=x, y=np.sin(x - k / 4) * 3,
        line=dict(color="#0072b2", width=1.5), meta={"inner_step": k}) for k in range(4)]
    support = go.Scatter(name="support", mode="markers", x=np.array([-2.0, 1.0]),
        y=np.array([3.0, -3.0]), marker=dict(color="#d55e00", size=8), meta={"support": True})
    losses = [go.Scatter(name=n, mode="lines", x=np.arange(0.0, 200.0), y=np.ones(200))
        for n in ("before adaptation", "after adaptation")]
    return {
        "adaptation": made([*lines, cursor], "inner steps", xaxis_range=[-0.2, 10.2],
            yaxis_range=[0, 10.5]),
        "task": made([*steps, support], "x", xaxis_range=[-5, 5], yaxis_range=[-5, 5],
            meta={"editable": True}),
        "training": made(losses, "meta-step", xaxis_range=[0, 200], yaxis_type="log",
            yaxis_range=[-1, 1]),
    }

dark = {"#0072b2": "#66b8ea", "#767676": "#aaaaaa", "#d55e00": "#ff8c42", "#333333": "#dddddd"}
dashboard = Dashboard([], figures(), dark)
dashboard.on_message(heard.append)
def draw(panel, *updates):
    dashboard.figure(panel).plotly_update(*updates)
    dashboard.flush()
"""


def notebook(*cells: str) -> Any:
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    document.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return document


GD = "document.querySelector('.maml-lab-{} .maml-lab-plot')"


@pytest.fixture(scope="module")
def page(served: Served, chromium: Browser) -> Iterator[NotebookPage]:
    server = served(JUPYTERLAB)
    nbformat.write(notebook(SETUP, "dashboard"), server.root / "one.ipynb")
    with with_cache(chromium) as context:
        page = NotebookPage(context.new_page())
        page.open(server.url("one.ipynb"))
        yield page
        page.shut_down_kernel()


@pytest.fixture
def lab(page: NotebookPage) -> Iterator[NotebookPage]:
    """A new dashboard for each test: the cells run again on the same page."""
    page.page.set_viewport_size({"width": 1440, "height": 1000})
    page.page.mouse.move(5, 5)
    page.run_all()
    page.page.wait_for_function("() => document.querySelectorAll('.maml-lab .legend').length >= 3")
    page.until("dashboard.watched")
    yield page
    assert page.errors == []


def test_plotly_is_evaluated_before_there_is_a_view(served: Served, chromium: Browser) -> None:
    server = served(JUPYTERLAB)
    cell = "from labkit.widgets.plotly_bundle import plotly_bundle\nbundle = plotly_bundle()"
    nbformat.write(notebook(cell), server.root / "bundle.ipynb")
    with with_cache(chromium) as context:
        page = NotebookPage(context.new_page())
        page.open(server.url("bundle.ipynb"))
        page.command("notebook:run-all-cells")
        version = page.kernel("__import__('plotly').offline.get_plotlyjs_version()").strip("'")
        digest = page.kernel("bundle.digest").strip("'")
        library = f"window[Symbol.for('maml-lab.plotly.{digest}')]?.library"
        page.page.wait_for_function(f"() => {library}?.then((found) => found.version)")
        assert page.page.evaluate(f"{library}.then((found) => found.version)") == version
        assert page.errors == []
        page.shut_down_kernel()


def drawn(lab: NotebookPage, panel: str, condition: str) -> None:
    """Wait until the traces `t` and the layout `l` that plotly has drawn are so."""
    gd = GD.format(panel)
    script = f"() => {{ const {{data: t, layout: l}} = {gd}; return Boolean({condition}); }}"
    lab.page.wait_for_function(script)


def last_message(lab: NotebookPage) -> Any:
    lab.until("heard")
    return eval(lab.kernel("heard[-1]"))


def count_drawings(lab: NotebookPage) -> None:
    lab.page.evaluate(
        """() => {
          window.drawings = [];
          for (const gd of document.querySelectorAll('.maml-lab-plot')) {
            gd.addEventListener('maml-lab-drawn',
              () => window.drawings.push(gd.parentElement.className));
          }
        }"""
    )


def test_one_message_draws_only_the_panels_that_changed(lab: NotebookPage) -> None:
    count_drawings(lab)
    lab.kernel("draw('task', {'y': [np.full(101, 2.5)]}, {'xaxis.title.text': 'height'}, [0])")
    drawn(lab, "task", "t[0].y[50] === 2.5 && l.xaxis.title.text === 'height'")
    lab.kernel("draw('task', {'y': [np.full(101, 2.5)]}, {'xaxis.title.text': 'height'}, [0])")
    lab.kernel("draw('training', {'y': [np.full(200, np.nan)]}, {}, [1])")
    drawn(lab, "training", "Number.isNaN(t[1].y[0])")
    drawings = lab.page.evaluate("window.drawings")
    assert drawings == ["maml-lab-panel maml-lab-task", "maml-lab-panel maml-lab-training"]
    lab.until("dashboard._drawn == dashboard._sent")


@contextmanager
def held_clock(lab: NotebookPage) -> Iterator[None]:
    """Time passes for the page only where a test moves `window.clock`, in milliseconds."""
    lab.page.evaluate("window.clock = performance.now(); performance.now = () => window.clock; 0")
    try:
        yield
    finally:
        lab.page.evaluate("delete performance.now")


def wait_for_frames(lab: NotebookPage) -> None:
    """Wait as long as the page takes for 20 pictures."""
    lab.page.evaluate(
        """async () => {
          for (let i = 0; i < 20; i += 1) await new Promise(requestAnimationFrame);
        }"""
    )


def ask(lab: NotebookPage) -> None:
    """Click into the training panel, and let the kernel hear it."""
    lab.point_at("training", 0.5, 0.5)
    lab.page.mouse.click(*lab.place("training", 0.5, 0.5))
    lab.until("dashboard._unanswered")


LOSSES = f"{GD.format('training')}.data[0].y[0]"


def test_nothing_is_drawn_while_an_answer_is_awaited_and_then_everything(
    lab: NotebookPage,
) -> None:
    with held_clock(lab):
        ask(lab)
        count_drawings(lab)
        # of a drawing that had begun before the question
        lab.kernel("draw('training', {'y': [np.full(200, 2.0)]}, {}, [0])")
        lab.kernel("draw('task', {'y': [np.full(101, 2.5)]}, {}, [0])")
        wait_for_frames(lab)
        assert lab.page.evaluate("window.drawings") == []
        lab.kernel("dashboard.begin()")
        lab.kernel("draw('adaptation', {'y': [np.full(11, 4.5)]}, {}, [1])")
        drawn(lab, "training", "t[0].y[0] === 2")
        panels = ("adaptation", "task", "training")
        assert lab.page.evaluate("window.drawings") == [
            f"maml-lab-panel maml-lab-{panel}" for panel in panels
        ]
        drawn(lab, "adaptation", "t[1].y[0] === 4.5")
        drawn(lab, "task", "t[0].y[0] === 2.5")
    lab.until("dashboard._drawn == dashboard._sent")


def test_an_answer_without_a_picture_ends_the_waiting(lab: NotebookPage) -> None:
    with held_clock(lab):
        ask(lab)
        lab.kernel("draw('training', {'y': [np.full(200, 2.0)]}, {}, [0])")
        wait_for_frames(lab)
        assert lab.page.evaluate(LOSSES) == 1
        lab.kernel("dashboard.begin()")
        lab.kernel("dashboard.flush()")
        drawn(lab, "training", "t[0].y[0] === 2")


def test_a_kernel_that_never_answers_is_waited_for_no_longer_than_200_ms(
    lab: NotebookPage,
) -> None:
    with held_clock(lab):
        ask(lab)
        lab.kernel("draw('training', {'y': [np.full(200, 2.0)]}, {}, [0])")
        lab.page.evaluate("window.clock += 199")
        wait_for_frames(lab)
        assert lab.page.evaluate(LOSSES) == 1
        lab.page.evaluate("window.clock += 2")
        drawn(lab, "training", "t[0].y[0] === 2")
        # and not again for the same question
        lab.kernel("draw('training', {'y': [np.full(200, 3.0)]}, {}, [0])")
        drawn(lab, "training", "t[0].y[0] === 3")


def test_in_a_drag_each_answer_is_drawn_and_the_rest_now_and_then(lab: NotebookPage) -> None:
    with held_clock(lab):
        ask(lab)
        lab.kernel("draw('training', {'y': [np.full(200, 2.0)]}, {}, [0])")
        for value in (1, 2, 3):
            lab.kernel("dashboard.begin()")
            ask(lab)  # again, before the answer is here
            lab.kernel(f"draw('adaptation', {{'y': [np.full(11, {value}.5)]}}, {{}}, [1])")
            drawn(lab, "adaptation", f"t[1].y[0] === {value}.5")
            wait_for_frames(lab)
            assert lab.page.evaluate(LOSSES) == 1
            lab.page.evaluate("window.clock += 150")
        drawn(lab, "training", "t[0].y[0] === 2")


def test_a_readers_zoom_stays_while_the_figure_changes(lab: NotebookPage) -> None:
    x, y = lab.place("adaptation", 0.2, 0.3)
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.mouse.move(x + 150, y + 100, steps=5)
    lab.page.mouse.up()
    axis = f"{GD.format('adaptation')}._fullLayout.xaxis.range"
    up = f"{GD.format('adaptation')}._fullLayout.yaxis.range"
    lab.page.wait_for_function(f"() => {axis}[0] > 1 && {axis}[1] < 9")
    zoomed = lab.page.evaluate(f"[...{axis}, ...{up}]")
    lab.kernel("draw('adaptation', {'y': [np.ones(11)]}, {'yaxis.range': [0, 20]}, [1])")
    drawn(lab, "adaptation", "t[1].y[5] === 1")
    assert lab.page.evaluate(f"[...{axis}, ...{up}]") == zoomed
    lab.page.mouse.dblclick(*lab.place("adaptation", 0.5, 0.5))
    lab.page.wait_for_function(f"() => {axis}[1] > 9 && {up}[1] === 20")


def test_pointing_at_an_inner_step_shows_it_in_both_panels(lab: NotebookPage) -> None:
    lab.point_at("adaptation", 0.24, 0.5)
    drawn(
        lab, "task", "t.slice(0, 4).every(({opacity: o}, k) => o === (k === 2 ? undefined : 0.15))"
    )
    drawn(lab, "adaptation", "t[2].visible && t[2].x[0] === 2 && t[2].x[1] === 2")
    lab.page.mouse.click(*lab.place("adaptation", 0.24, 0.5))
    chosen = {"kind": "set", "name": "shown_step", "value": 2, "final": True}
    assert last_message(lab) == chosen
    lab.kernel("setattr(dashboard, 'inner_step', 1)")
    lab.page.mouse.move(5, 5)
    drawn(lab, "task", "t[1].opacity === undefined && t[0].opacity === 0.15 && !t[4].opacity")
    drawn(lab, "adaptation", "t[2].x[0] === 1")
    # step 3 has its highest point there, with the other curves far below
    lab.point_at("task", 0.7322, 0.2)
    drawn(lab, "task", "t[3].opacity === undefined && t[1].opacity === 0.15")
    lab.page.mouse.move(5, 5)
    lab.kernel("setattr(dashboard, 'inner_step', None)")
    drawn(lab, "task", "t.every((trace) => trace.opacity === undefined)")
    drawn(lab, "adaptation", "t[2].visible === false")


def test_a_click_in_the_training_panel_looks_at_a_meta_step(lab: NotebookPage) -> None:
    lab.point_at("training", 0.5, 0.5)
    lab.page.mouse.click(*lab.place("training", 0.5, 0.5))
    message = last_message(lab)
    assert message["kind"] == "look"
    assert abs(message["meta_step"] - 100) <= 2


def test_a_double_click_leads_out_of_a_zoom_and_chooses_nothing(lab: NotebookPage) -> None:
    for panel in ("training", "adaptation"):
        lab.point_at(panel, 0.5, 0.5)
        lab.page.mouse.dblclick(*lab.place(panel, 0.5, 0.5))
    lab.pass_double_click()
    # what a double click had said would be heard before this
    lab.page.mouse.click(*lab.place("training", 0.5, 0.5))
    assert last_message(lab)["kind"] == "look"
    assert lab.kernel("len(heard)") == "1"


def test_a_double_click_adds_one_support_point(lab: NotebookPage) -> None:
    lab.page.mouse.dblclick(*lab.place("task", 0.5, 0.25))
    assert last_message(lab)["action"] == "add"
    lab.page.mouse.click(*lab.place("task", 0.4, 0.25))
    lab.until("len(heard) > 1")
    assert lab.kernel("[each['action'] for each in heard]") == "['add', 'add']"


def test_axes_stand_still_below_a_point_that_is_dragged(lab: NotebookPage) -> None:
    axis = f"{GD.format('task')}._fullLayout.yaxis.range"
    lab.page.mouse.move(*lab.place("task", 0.6, 0.8))
    lab.page.mouse.down()
    lab.page.mouse.move(*lab.place("task", 0.7, 0.1), steps=6)
    lab.kernel("draw('task', {'y': [np.array([3.0, 4.0])]}, {'yaxis.range': [-20, 20]}, [4])")
    drawn(lab, "task", "t[4].y[0] === 3 && Math.abs(t[4].x[1] - 2) < 0.05")
    # what would move them comes before this is drawn
    lab.kernel("draw('task', {'y': [np.array([3.5, 4.0])]}, {}, [4])")
    drawn(lab, "task", "t[4].y[0] === 3.5")
    assert lab.page.evaluate(axis) == [-5, 5]
    lab.page.mouse.up()
    lab.page.wait_for_function(f"() => {axis}[1] === 20")


def test_a_point_lands_where_it_was_pressed_though_the_axes_move_meanwhile(
    lab: NotebookPage,
) -> None:
    axis = f"{GD.format('task')}._fullLayout.yaxis.range"
    lab.page.mouse.move(*lab.place("task", 0.5, 0.25))
    lab.page.mouse.down()
    lab.kernel("draw('task', {'y': [np.array([3.0, 4.0])]}, {'yaxis.range': [-20, 20]}, [4])")
    drawn(lab, "task", "t[4].y[0] === 3")
    assert lab.page.evaluate(axis) == [-5, 5]
    lab.page.mouse.up()
    added = last_message(lab)
    assert (added["x"], added["y"]) == pytest.approx((0.0, 2.5), abs=0.05)
    lab.page.mouse.move(5, 5)
    lab.page.wait_for_function(f"() => {axis}[1] === 20")


def test_label_at_the_pointer_tells_the_present_values(lab: NotebookPage) -> None:
    lab.point_at("adaptation", 0.24, 0.5)
    label = "document.querySelector('.maml-lab-adaptation .hoverlayer').textContent"
    lab.page.wait_for_function(f"() => {label}.includes('mean : 8')")
    lab.kernel("draw('adaptation', {'y': [np.full(11, 4.5)]}, {}, [1])")
    lab.page.wait_for_function(f"() => {label}.includes('mean : 4.5')")
    lab.page.mouse.move(5, 5)
    lab.kernel("draw('adaptation', {'y': [np.full(11, 6.5)]}, {}, [1])")
    drawn(lab, "adaptation", "t[1].y[0] === 6.5")
    lab.point_at("adaptation", 0.24, 0.5)
    lab.page.wait_for_function(f"() => {label}.includes('mean : 6.5')")


def test_support_points_are_added_moved_and_removed_by_pointer(lab: NotebookPage) -> None:
    lab.page.mouse.click(*lab.place("task", 0.5, 0.25))
    added = last_message(lab)
    assert (added["action"], added["index"], added["final"]) == ("add", None, True)
    assert (added["x"], added["y"]) == pytest.approx((0.0, 2.5), abs=0.05)

    with held_clock(lab):
        lab.page.mouse.move(*lab.place("task", 0.6, 0.8))
        lab.page.mouse.down()
        lab.page.mouse.move(*lab.place("task", 0.7, 0.6), steps=6)
        # the kernel has said nothing, and the point is where the pointer is
        drawn(lab, "task", "Math.abs(t[4].x[1] - 2) < 0.05 && Math.abs(t[4].y[1] + 1) < 0.05")
    lab.until("heard[-1]['action'] == 'move'")
    assert last_message(lab)["final"] is False
    # nor does what it says of other points put this one back
    lab.kernel("draw('task', {'x': [np.array([-3.0, 1.0])]}, {}, [4])")
    drawn(lab, "task", "t[4].x[0] === -3 && Math.abs(t[4].x[1] - 2) < 0.05")
    lab.page.mouse.up()
    lab.until("heard[-1]['final']")
    message = last_message(lab)
    assert (message["action"], message["index"]) == ("move", 1)
    assert (message["x"], message["y"]) == pytest.approx((2.0, -1.0), abs=0.05)
    # a kernel that does not take the place has the last word
    drawn(lab, "task", "t[4].x[1] === 1")

    lab.kernel("heard.clear()")
    lab.page.mouse.click(*lab.place("task", 0.2 + 0.01, 0.2))
    removed = last_message(lab)
    assert (removed["action"], removed["index"], removed["final"]) == ("remove", 0, True)
    assert lab.kernel("len(heard)") == "1"


def test_touch_adds_a_support_point(lab: NotebookPage) -> None:
    x, y = lab.place("task", 0.5, 0.25)
    session = lab.page.context.new_cdp_session(lab.page)
    touch = {"touchPoints": [{"x": x, "y": y}]}
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", **touch})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert last_message(lab)["action"] == "add"
    assert lab.kernel("len(heard)") == "1"


def test_colours_follow_the_theme(lab: NotebookPage) -> None:
    lab.page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    drawn(lab, "adaptation", "t[1].line.color === '#66b8ea' && l.font.color === '#dddddd'")
    drawn(lab, "task", "t[4].marker.color === '#ff8c42'")
    lab.kernel("draw('task', {'line.color': ['rgba(0, 114, 178, 0.5)']}, {}, [0])")
    drawn(lab, "task", "t[0].line.color === 'rgba(102,184,234, 0.5)'")
    lab.page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    drawn(lab, "adaptation", "t[1].line.color === '#0072b2' && l.font.color === '#333333'")


def test_large_type_and_the_width_of_the_page(lab: NotebookPage) -> None:
    def rows(count: int) -> None:
        lab.page.wait_for_function(
            """(count) => new Set(['adaptation', 'task'].map((name) =>
              document.querySelector(`.maml-lab-${name}`).getBoundingClientRect().y)).size === count
            """,
            arg=count,
        )

    rows(1)
    drawn(lab, "training", "l.font.size === 12")
    height = f"{GD.format('training')}._fullLayout.height"
    before = lab.page.evaluate(height)
    lab.kernel("setattr(dashboard, 'large', True)")
    drawn(lab, "task", "t[4].marker.size === 12 && l.font.size === 18")
    drawn(lab, "task", "t[0].line.width === 2.25")
    drawn(lab, "training", f"l.height > 1.2 * {before}")
    assert lab.page.locator(".maml-lab-large").count() == 1
    lab.kernel("setattr(dashboard, 'large', False)")
    drawn(lab, "training", f"l.height === {before} && l.font.size === 12")
    lab.page.set_viewport_size({"width": 1000, "height": 1200})
    drawn(lab, "task", f"l.width < 700 && l.width === Math.floor({GD.format('task')}.clientWidth)")
    rows(2)


def test_pictures_are_light_and_of_all_panels(lab: NotebookPage) -> None:
    lab.page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    drawn(lab, "adaptation", "t[1].line.color === '#66b8ea'")
    with lab.page.expect_download() as download:
        lab.kernel("dashboard.save_picture('lab.svg', file_format='svg')")
    assert download.value.suggested_filename == "lab.svg"
    svg = Path(download.value.path()).read_text()
    assert svg.count("<svg") >= 4
    assert "rgb(0, 114, 178)" in svg
    assert "rgb(102, 184, 234)" not in svg
    with lab.page.expect_download() as download:
        lab.kernel("dashboard.save_picture('lab.png', scale=1.5)")
    width = lab.page.evaluate("document.querySelector('.maml-lab-plots').clientWidth")
    with Image.open(download.value.path()) as picture:
        assert abs(picture.width - 1.5 * width) <= 3
    lab.kernel("dashboard.ask_for_pictures()")
    images = last_message(lab)["images"]
    assert sorted(images) == ["adaptation", "task", "training"]
    lab.page.evaluate("document.body.dataset.jpThemeLight = 'true'")


def test_nothing_is_sent_to_a_plot_that_is_out_of_sight(lab: NotebookPage) -> None:
    # the page tells of what it has drawn up to a second later, and seen is what a frame shows
    assert lab.kernel("dashboard.idle(10)") == "True"
    lab.page.evaluate(
        """() => new Promise((hidden) => {
            const root = document.querySelector('.maml-lab');
            root.parentElement.style.display = 'none';
            new IntersectionObserver(([entry]) => entry.isIntersecting || hidden()).observe(root);
        })"""
    )
    lab.kernel("draw('task', {'y': [np.full(101, 1.0)]}, {}, [0])")
    lab.kernel("dashboard.idle(0.3)")
    sent = lab.kernel("dashboard._sent")
    for value in (2.0, 3.0):
        lab.kernel(f"draw('task', {{'y': [np.full(101, {value})]}}, {{}}, [0])")
    assert lab.kernel("(dashboard.watched, dashboard._sent)") == f"(False, {sent})"
    lab.page.evaluate("document.querySelector('.maml-lab').parentElement.style.display = ''")
    drawn(lab, "task", "t[0].y[0] === 3")
    assert lab.kernel("dashboard.watched") == "True"


def test_two_views_and_reruns_leave_nothing_behind(lab: NotebookPage) -> None:
    libraries = (
        "Object.getOwnPropertySymbols(window).filter((s) => /maml-lab/.test(s.description)).length"
    )
    assert lab.page.evaluate(libraries) == 1
    assert lab.page.evaluate("typeof window.Plotly") == "undefined"
    bundles = "[w.model_id for w in __import__('ipywidgets').widgets.widget._instances.values() "
    bundles += "if type(w).__name__ == 'PlotlyBundle']"
    bundle = lab.kernel(bundles)
    lab.kernel("__import__('IPython').display.display(dashboard)")
    lab.run_all()
    lab.until("dashboard.watched")
    assert lab.kernel(bundles) == bundle
    assert lab.page.locator(".maml-lab").count() == 1
    lab.command("notebook:insert-cell-below")
    lab.page.keyboard.press("Enter")
    lab.page.keyboard.insert_text("dashboard")
    lab.command("notebook:run-cell")
    views = ".maml-lab-task .maml-lab-plot"
    lab.page.wait_for_function(
        f"() => {{ const g = [...document.querySelectorAll('{views}')];"
        " g[1]?.scrollIntoView(); return g.length === 2 && g.every((gd) => gd.data); }"
    )
    lab.kernel("draw('task', {'y': [np.full(101, 1.5)]}, {}, [0])")
    lab.page.wait_for_function(
        f"() => [...document.querySelectorAll('{views}')].some((gd) => gd.data[0].y[0] === 1.5)"
    )
    lab.kernel("dashboard.close()")
    lab.page.wait_for_function("() => !document.querySelector('.maml-lab, .js-plotly-plot')")
    lab.kernel("draw('task', {'y': [np.full(101, 9.5)]}, {}, [0])")
    lab.command("notebook:delete-cell")


def test_a_kernel_hears_when_the_last_view_goes_with_its_output(lab: NotebookPage) -> None:
    views = lab.page.locator(".maml-lab")
    lab.kernel("heard.clear()")
    lab.command("notebook:clear-all-cell-outputs")
    expect(views).to_have_count(0)
    lab.until("{'kind': 'gone'} in heard")
    lab.kernel("heard.clear()")
    lab.kernel("__import__('IPython').display.display(dashboard)")
    lab.command("notebook:insert-cell-below")
    lab.page.keyboard.press("Enter")
    lab.page.keyboard.insert_text("dashboard")
    lab.command("notebook:run-cell")
    lab.until("{'kind': 'back'} in heard")
    lab.command("notebook:delete-cell")
    expect(views).to_have_count(0)
    lab.until("{'kind': 'gone'} in heard")


def test_a_reloaded_page_gets_the_present_picture(lab: NotebookPage) -> None:
    lab.kernel("draw('task', {'y': [np.full(101, 1.5)]}, {}, [0])")
    drawn(lab, "task", "t[0].y[0] === 1.5")
    lab.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    lab.page.reload()
    lab.wait_for_kernel()
    lab.page.wait_for_selector(".maml-lab-task .main-svg")
    drawn(lab, "task", "t[0].y[0] === 1.5")
    lab.until("dashboard.watched")


def test_a_restarted_kernel_is_said_until_the_cell_runs_again(lab: NotebookPage) -> None:
    lab.restart_kernel()
    lab.page.get_by_text("The kernel has restarted: run all cells again.").wait_for()
    lab.page.mouse.click(*lab.place("task", 0.5, 0.25))
    lab.run_all()
    lab.until("dashboard.watched")
    assert not lab.page.get_by_text("The kernel has restarted").is_visible()
    assert lab.kernel("heard") == "[]"
    # what the browser says of widgets whose kernel has gone is JupyterLab's own
    lab.errors.clear()
