"""The still picture: in the kernel's messages, and in what nbconvert makes of a saved notebook."""

from typing import Any

import nbformat
import pytest
from IPython.display import HTML
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from labkit.widgets import static_copy
from labkit.widgets.static_copy import CLASS, LOST, StaticCopy, picture_html

pytestmark = pytest.mark.kernel

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
DOT = "data:image/svg+xml,%3Csvg%3E%3C/svg%3E"

Sent = list[tuple[str, str, str]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What is displayed: function, display id and HTML."""
    messages: Sent = []
    for name in ("display", "update_display"):

        def note(html: HTML, *, display_id: str, name: str = name) -> None:
            messages.append((name, display_id, html.data))

        monkeypatch.setattr(static_copy, name, note)
    return messages


def test_the_picture_is_replaced_in_its_place(sent: Sent) -> None:
    copy = StaticCopy()
    assert not copy.shown
    copy.show()
    assert copy.shown
    copy.update(picture_html({"loss": DOT}))
    copy.update(picture_html({"loss": DOT}))  # the same: not sent
    copy.update("")
    assert [name for name, _, _ in sent] == ["display", "update_display", "update_display"]
    assert len({place for _, place, _ in sent}) == 1
    assert sent[0][2] == sent[2][2] == copy.html
    assert copy.html == f'<div class="{CLASS}" data-lab="{copy.mark}"></div>'
    assert DOT in sent[1][2]
    assert LOST in sent[1][2]


def test_two_labs_have_two_pictures(sent: Sent) -> None:
    StaticCopy().show()
    StaticCopy().show()
    assert sent[0][1] != sent[1][1]


def test_an_update_without_an_output_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"call show\(\) in the lab's cell"):
        StaticCopy().update("")


def test_only_data_urls_and_no_markup_from_words() -> None:
    assert '"a &lt; b"' in picture_html({"a < b": DOT})
    assert picture_html({}) == ""
    with pytest.raises(ValueError, match="data URL of an image, and begins with 'https"):
        picture_html({"loss": "https://a.b/c.png"})


def saved_notebook() -> Any:
    """A lab's cell as it is saved: the widget's view, and the picture below it."""
    view = nbformat.v4.new_output(
        "display_data", {VIEW: {"model_id": "abc"}, "text/plain": "MAML Lab (live)"}
    )
    picture = nbformat.v4.new_output(
        "display_data",
        {"text/html": f'<div class="{CLASS}">{picture_html({"loss": DOT})}</div>'},
    )
    cell = nbformat.v4.new_code_cell("labkit.open_lab(session)", outputs=[view, picture])
    return nbformat.v4.new_notebook(cells=[cell])


def converted(notebook: Any) -> str:
    html, _ = HTMLExporter().from_notebook_node(notebook)
    return str(html)


def test_saved_html_shows_the_picture() -> None:
    html = converted(saved_notebook())
    assert f'{LOST}</p><img alt="loss" src="{DOT}"' in html
    assert '"model_id": "abc"' not in html, "a view without its state is left out"


def test_saved_html_keeps_the_picture_beside_saved_widget_state() -> None:
    notebook = saved_notebook()
    state = {"model_name": "AnyModel", "model_module": "anywidget", "state": {}}
    notebook.metadata["widgets"] = {
        STATE: {"version_major": 2, "version_minor": 0, "state": {"abc": state}}
    }
    html = converted(notebook)
    assert '"model_id": "abc"' in html
    assert f'<div class="{CLASS}">' in html
    assert f'{LOST}</p><img alt="loss" src="{DOT}"' in html


def test_a_kernels_thread_replaces_the_picture_of_an_earlier_cell() -> None:
    """In a real kernel, from a thread that another cell has started."""
    cells = [
        "from labkit.widgets.static_copy import StaticCopy, picture_html\n"
        "copy = StaticCopy()\ncopy.show()",
        "import threading\n"
        f"late = lambda: copy.update(picture_html({{'loss': {DOT!r}}}))\n"
        "thread = threading.Thread(target=late)\nthread.start()\nthread.join()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    first, second = notebook.cells
    assert second.outputs == []
    assert [DOT in output.data["text/html"] for output in first.outputs] == [True]
    assert DOT in converted(notebook)
