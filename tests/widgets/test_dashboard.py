"""The dashboard's kernel side, without a browser: what is sent, when, and what is heard."""

import gzip
import threading
import time
from collections.abc import Iterator
from typing import Any

import ipywidgets as w
import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs_version

from labkit.widgets.dashboard import PANELS, Dashboard
from labkit.widgets.live_figure import LiveFigure
from labkit.widgets.plotly_bundle import plotly_bundle
from labkit.widgets.protocol import packed, plain
from tests.widgets.page import unpacked

PAGE = {"view": "page"}


class Recorded(Dashboard):
    """A dashboard that keeps what it would send."""

    def __init__(self, **options: Any) -> None:
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        super().__init__([], {name: figure() for name in PANELS}, **options)

    def send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self.sent.append((content, buffers or []))

    def hear(self, **message: Any) -> None:
        self._handle_custom_msg(PAGE | message, [])


def figure() -> go.Figure:
    traces = [go.Scatter(x=np.arange(3.0), y=np.zeros(3), line={"color": "#0072B2"})] * 2
    return go.Figure(traces, go.Layout(annotations=[{"text": "one"}]))


@pytest.fixture
def dashboard() -> Iterator[Recorded]:
    dashboard = Recorded()
    yield dashboard
    dashboard.close()


def test_arrays_travel_in_one_buffer() -> None:
    state = {
        "y": np.array([1.0, np.nan]),
        "x": np.array([0.5], dtype=np.float32),
        "z": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "n": np.array([3, 4]),
        "backwards": np.arange(3.0)[::-1],
        "text": np.array(["a", "b"]),
        "range": (0, np.float64(np.inf)),
        "shown": np.bool_(True),
        "nothing": np.empty(0),
    }
    json, buffers = packed(plain(state))
    assert len(buffers) == 1
    result = unpacked(json, buffers)
    assert np.isnan(result["y"].pop())
    assert result == {
        "y": [1.0],
        "x": [0.5],
        "z": [[0, 1, 2], [3, 4, 5]],
        "n": [3.0, 4.0],
        "backwards": [2.0, 1.0, 0.0],
        "text": ["a", "b"],
        "range": [0, None],
        "shown": True,
        "nothing": [],
    }


def test_a_value_that_no_figure_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="expected numbers, strings"):
        plain({"x": {1, 2}})


def test_only_changes_are_taken() -> None:
    live = LiveFigure(figure(), threading.RLock())
    y = np.array([1.0, np.nan, 2.0])
    live.plotly_update({"y": [y, np.zeros(3)]}, {"annotations[0].text": "one"}, [0, 1])
    y[:] = 9.0
    ((index, paths),) = live.take_changes()["traces"]
    assert index == 0
    np.testing.assert_array_equal(paths["y"], [1.0, np.nan, 2.0])
    live.plotly_update({"y": [np.array([1.0, np.nan, 2.0])]}, {}, [0])
    assert live.take_changes() == {}
    live.plotly_update({"visible": True}, {"annotations[0].text": "two", "xaxis.range": [0, 1]})
    assert live.take_changes() == {
        "traces": [[0, {"visible": True}], [1, {"visible": True}]],
        "layout": {"annotations[0].text": "two", "xaxis.range": [0, 1]},
    }
    live.plotly_update({"visible": True}, {"xaxis.range": (0, 2)}, 1)
    whole = live.take_whole()
    assert (whole["data"][1]["visible"], whole["layout"]["xaxis"]) == (True, {"range": [0, 2]})
    assert whole["layout"]["annotations"] == [{"text": "two"}]
    assert live.take_changes() == {}


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (({"y": [np.zeros(3)]}, {}, [0, 1]), "y: expected 2 values, one a trace, got 1"),
        (({"y": [np.zeros(3)]}, {}, [2]), "traces 0 to 1, got 2"),
        (({}, {"annotations[1].text": "two"}, []), r"annotations\[1\].text: the figure has no"),
        (({"line.color.red": "1"}, {}, [0]), "line.color.red: the figure has no place 'red'"),
    ],
)
def test_updates_that_fit_no_trace_are_refused(update: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LiveFigure(figure(), threading.RLock()).plotly_update(*update)


def test_figures_must_be_those_of_the_panels() -> None:
    with pytest.raises(ValueError, match="expected the figures adaptation, task, training"):
        Dashboard([], {"task": figure()})


def test_nothing_is_sent_before_a_page_asks_and_then_the_present_picture(
    dashboard: Recorded,
) -> None:
    dashboard.figure("task").plotly_update({"y": [np.ones(3)]}, {}, [1])
    dashboard.flush()
    assert not dashboard.idle(5.0), "waited for a page that is not there"
    assert dashboard.sent == []
    dashboard.hear(kind="ready")
    ((message, buffers),) = dashboard.sent
    assert (message["kind"], message["number"]) == ("whole", 1)
    figures = unpacked(message["figures"], buffers)
    assert list(figures) == list(PANELS)
    assert figures["task"]["data"][1]["y"] == [1.0, 1.0, 1.0]
    assert figures["task"]["data"][1]["line"] == {"color": "#0072B2"}
    dashboard.flush()
    assert len(dashboard.sent) == 1


def test_changes_of_all_figures_are_one_message(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    dashboard.figure("task").plotly_update({"y": [np.ones(3)]}, {}, [1])
    dashboard.figure("training").plotly_update({}, {"yaxis.range": [0, 1]})
    dashboard.flush()
    message, buffers = dashboard.sent[1]
    assert (message["kind"], message["number"]) == ("changes", 2)
    assert unpacked(message["figures"], buffers) == {
        "task": {"traces": [[1, {"y": [1.0, 1.0, 1.0]}]], "layout": {}},
        "training": {"traces": [], "layout": {"yaxis.range": [0, 1]}},
    }


def test_idle_waits_for_the_drawing(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    page = threading.Timer(0.1, dashboard.hear, kwargs={"kind": "drawn", "number": 1})
    page.start()
    assert dashboard.idle(30.0)
    page.join()
    assert dashboard.watched


def test_a_page_that_does_not_draw_gets_no_more_until_it_does(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    assert not dashboard.idle(0.05)
    assert not dashboard.watched
    for value in (1.0, 2.0):
        dashboard.figure("task").plotly_update({"y": [np.full(3, value)]}, {}, [0])
        dashboard.flush()
        assert not dashboard.idle(30.0)
    assert len(dashboard.sent) == 1
    dashboard.hear(kind="drawn", number=1)
    assert dashboard.watched
    message, buffers = dashboard.sent[1]
    traces = unpacked(message["figures"], buffers)["task"]["traces"]
    assert traces == [[0, {"y": [2.0, 2.0, 2.0]}]]


def stage(dashboard: Recorded, value: float) -> None:
    dashboard.figure("task").plotly_update({"y": [np.full(3, value)]}, {}, [0])
    dashboard.flush()


def ask(dashboard: Recorded, asked: int, view: str = "page") -> None:
    dashboard.hear(kind="press", name="play", asked=asked, view=view)


def answers(dashboard: Recorded) -> list[dict[str, int]]:
    return [message["answers"] for message, _ in dashboard.sent]


def test_a_figure_that_was_replaced_while_no_page_drew_is_sent_when_one_does(
    dashboard: Recorded,
) -> None:
    dashboard.hear(kind="ready")
    assert not dashboard.idle(0.05)
    dashboard.replace("task", go.Figure(go.Scatter(name="another")))
    dashboard.flush()
    assert len(dashboard.sent) == 1
    dashboard.hear(kind="drawn", number=1)
    assert dashboard.sent[1][0]["kind"] == "whole"
    assert dashboard.sent[1][0]["figures"]["task"]["data"][0]["name"] == "another"
    dashboard.hear(kind="drawn", number=2)
    assert len(dashboard.sent) == 2


def test_what_is_staged_after_begin_answers_what_was_asked_before_it(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    ask(dashboard, 1)
    stage(dashboard, 1.0)  # of a drawing that had begun already
    dashboard.begin()
    ask(dashboard, 2)
    stage(dashboard, 2.0)
    dashboard.begin()
    stage(dashboard, 3.0)
    assert answers(dashboard) == [{}, {}, {"page": 1}, {"page": 2}]
    dashboard.hear(kind="ready")
    assert answers(dashboard)[-1] == {"page": 2}


def test_a_question_is_answered_behind_the_callbacks(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    dashboard.on_message(lambda _: dashboard.begin())
    dashboard.on_message(lambda _: stage(dashboard, 1.0))
    ask(dashboard, 1)
    assert answers(dashboard) == [{}, {}]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, a picture waits for the question that is being heard."""
    monkeypatch.setattr("labkit.widgets.dashboard.HEARING_SECONDS", 30.0)


@pytest.mark.usefixtures("patient")
def test_a_picture_that_a_question_has_woken_answers_it(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    woken = threading.Event()

    def draw() -> None:
        woken.wait()
        dashboard.begin()
        stage(dashboard, 1.0)

    def heard(_: object) -> None:
        woken.set()
        drawer.join(0.01)  # long enough to begin, were it let

    drawer = threading.Thread(target=draw)
    drawer.start()
    dashboard.on_message(heard)
    ask(dashboard, 1)
    drawer.join()
    assert answers(dashboard)[-1] == {"page": 1}


@pytest.mark.usefixtures("patient")
def test_a_question_that_fails_does_not_hold_up_what_follows(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")

    def heard(_: object) -> None:
        raise ArithmeticError

    dashboard.on_message(heard)
    ask(dashboard, 1)  # ipywidgets writes the error down
    started = time.monotonic()
    dashboard.begin()
    assert time.monotonic() - started < 20
    stage(dashboard, 1.0)
    assert answers(dashboard)[-1] == {"page": 1}


def test_an_answer_without_a_picture_is_sent_once(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    ask(dashboard, 1)
    for _ in range(3):
        dashboard.begin()
        dashboard.flush()
    message, _ = dashboard.sent[-1]
    assert (message["kind"], message["figures"]) == ("changes", {})
    assert answers(dashboard) == [{}, {"page": 1}]


def test_each_page_counts_its_own_questions(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    for view, asked in (("page", 7), ("other", 1), ("page", 6)):  # the last was overtaken
        ask(dashboard, asked, view)
        dashboard.begin()
        dashboard.flush()
    assert answers(dashboard) == [{}, {"page": 7}, {"page": 7, "other": 1}]


def test_idle_lets_a_page_be_so_many_messages_behind(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    for value in (1.0, 2.0):
        stage(dashboard, value)
    dashboard.hear(kind="drawn", number=1)
    assert dashboard.idle(0.0, behind=2)
    assert dashboard.watched
    assert not dashboard.idle(0.0, behind=1)
    assert not dashboard.watched


def test_who_asks_is_not_kept_waiting_for_older_pictures(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    page = threading.Timer(0.1, ask, (dashboard, 1))
    page.start()
    started = time.monotonic()
    assert not dashboard.idle(30.0)
    assert time.monotonic() - started < 20
    page.join()
    assert dashboard.watched, "a page that asks is looked at"


def test_close_ends_the_waiting_and_the_sending(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    closing = threading.Timer(0.1, dashboard.close)
    closing.start()
    started = time.monotonic()
    assert not dashboard.idle(30.0)
    assert time.monotonic() - started < 20
    closing.join()
    dashboard.hear(kind="ready")
    dashboard.hear(kind="drawn", number=1)
    dashboard.figure("task").plotly_update({"y": [np.ones(3)]}, {}, [1])
    dashboard.flush()
    dashboard.save_picture("lab.png")
    dashboard.large = True
    dashboard.close()
    assert len(dashboard.sent) == 1


def test_a_closed_dashboard_leaves_no_widget_but_the_shared_bundle() -> None:
    bundle = plotly_bundle()
    before = set(_widgets())
    one, other = Recorded(), Recorded()
    assert one.library == other.library == bundle.digest
    one.close()
    assert bundle.comm is not None
    other.close()
    assert set(_widgets()) == before


def test_bundle_is_the_installed_plotly_js_and_is_made_again_once_closed() -> None:
    bundle = plotly_bundle()
    version = get_plotlyjs_version()
    assert f"plotly.js v{version}".encode() in gzip.decompress(bundle.packed)[:200]
    bundle.close()
    assert plotly_bundle() is not bundle
    assert plotly_bundle().comm is not None


def test_a_page_gets_the_library_as_the_bundle_opens_or_when_it_asks(dashboard: Recorded) -> None:
    bundle = plotly_bundle()
    assert bundle.get_state()["packed"] is None
    bundle.comm, comm = None, bundle.comm
    assert bundle.get_state()["packed"] == bundle.packed
    bundle.comm = comm
    dashboard.hear(kind="library")
    assert dashboard.sent == [({"kind": "library"}, [bundle.packed])]


def test_a_page_begins_with_what_was_offered_until_it_gets_an_answer(dashboard: Recorded) -> None:
    assert dashboard.first == {}
    dashboard.figure("task").plotly_update({"y": [np.ones(3)]}, {}, [1])
    dashboard.offer()
    figures = unpacked(dashboard.first["figures"], dashboard.first["buffers"])
    assert figures.keys() == set(PANELS)
    assert figures["task"]["data"][1]["y"] == [1, 1, 1]
    assert dashboard.sent == []  # nobody looks yet
    dashboard.hear(kind="ready")
    assert dashboard.first == {}
    content, buffers = dashboard.sent[0]
    assert unpacked(content["figures"], buffers) == figures


GOOD: list[dict[str, Any]] = [
    {"kind": "set", "name": "alpha", "value": 0.1, "final": False},
    {"kind": "press", "name": "play"},
    {"kind": "support", "action": "add", "index": None, "x": 1, "y": 0.5, "final": True},
    {"kind": "support", "action": "remove", "index": 0, "x": 1.0, "y": 0.5, "final": True},
    {"kind": "look", "meta_step": 200},
    {"kind": "picture", "images": {"task": "data:image/svg+xml,%3Csvg%3E"}},
]


@pytest.mark.parametrize("message", GOOD, ids=lambda message: str(message["kind"]))
def test_messages_are_heard(dashboard: Recorded, message: dict[str, Any]) -> None:
    heard: list[dict[str, Any]] = []
    dashboard.on_message(heard.append)
    dashboard.hear(**message, asked=1)
    assert heard == [message]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "set", "name": "alpha", "final": True},
        {"kind": "set", "name": 3, "value": 1, "final": True},
        {"kind": "press"},
        {"kind": "press", "name": "play", "asked": "1"},
        {"kind": "support", "action": "add", "index": 1, "x": 1, "y": 1, "final": True},
        {"kind": "support", "action": "move", "index": None, "x": 1, "y": 1, "final": True},
        {"kind": "support", "action": "move", "index": 1, "x": None, "y": 1, "final": True},
        {"kind": "look", "meta_step": -1},
        {"kind": "look", "meta_step": True},
        {"kind": "picture", "images": {"task": "<svg>"}},
        {"kind": "drawn", "number": "1"},
        {"kind": "delete"},
        {},
    ],
    ids=str,
)
def test_other_messages_are_not(dashboard: Recorded, wrong: dict[str, Any]) -> None:
    heard: list[dict[str, Any]] = []
    dashboard.on_message(heard.append)
    dashboard.hear(**wrong)
    assert heard == []
    assert dashboard.sent == []


def test_pictures_are_asked_of_the_page_that_was_used_last(dashboard: Recorded) -> None:
    dashboard.hear(kind="ready")
    dashboard.hear(kind="press", name="export", view="another")
    dashboard.hear(kind="drawn", number=1)
    dashboard.save_picture("lab.png", scale=3)
    dashboard.ask_for_pictures()
    export = {"kind": "export", "filename": "lab.png", "format": "png", "scale": 3}
    asked = [message for message, _ in dashboard.sent[1:]]
    assert asked == [export | {"view": "another"}, {"kind": "snapshot", "view": "another"}]
    with pytest.raises(ValueError, match='file_format: expected "png" or "svg", got \'pdf\''):
        dashboard.save_picture("lab.pdf", file_format="pdf")
    with pytest.raises(ValueError, match="scale: expected a number > 0, got 0"):
        dashboard.save_picture("lab.png", scale=0)


def _widgets() -> dict[str, w.Widget]:
    widgets: dict[str, w.Widget] = w.widget._instances
    return widgets
