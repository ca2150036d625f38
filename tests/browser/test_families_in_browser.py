"""Labs of other task families in a real JupyterLab and a real browser."""

from tests.browser.conftest import Opener
from tests.browser.jupyterlab import NotebookPage

_TITLE = "document.querySelector('.maml-lab .ytitle').textContent"
_PICTURE = "document.querySelector('.maml-lab .im image').href.baseVal"


def words(lab: NotebookPage) -> str:
    """All that the figure says."""
    texts: list[str] = lab.page.locator(".maml-lab .js-plotly-plot text").all_text_contents()
    return "\n".join(texts)


def test_tides_show_the_port_on_a_map_and_whose_data_they_are(opened: Opener) -> None:
    with opened("04_tides.ipynb") as lab:
        assert "NOT FOR NAVIGATION" in words(lab)
        traces = lab.traces()
        assert len(traces["places"]["x"]) == 1080
        before = words(lab)
        lab.button("New task").click()
        lab.wait_for_trace("place", f"t.x[0] !== {traces['place']['x'][0]}")
        assert words(lab) != before
        shown = lab.page.locator(".maml-lab select")
        assert shown.input_value() == "rmse_ft"
        shown.select_option("loss")
        lab.page.wait_for_function(f"() => {_TITLE} === 'query loss'")


def test_emoji_show_what_each_drawing_is_taken_for(opened: Opener) -> None:
    with opened("05_few_shot_images.ipynb") as lab:
        said = words(lab)
        assert all(word in said for word in ("support", "query", "step 0", "step 1", "CC BY 4.0"))
        assert said.count("%") >= 10  # confidences of five drawings at two steps
        picture = lab.page.evaluate(f"() => {_PICTURE}")
        assert picture.startswith("data:image/png")
        lab.button("New task").click()
        lab.page.wait_for_function("(old) => " + _PICTURE + " !== old", arg=picture)
        assert lab.page.locator(".maml-lab select").input_value() == "accuracy"
        lab.button("Step").click()
        lab.until("session.snapshot().meta_step == 1")
