"""Labs of other task families in a real JupyterLab and a real browser."""

from playwright.sync_api import expect

from tests.browser.conftest import Opener
from tests.browser.jupyterlab import NotebookPage

_TITLE = "document.querySelector('.maml-lab-adaptation .ytitle').textContent"
_PICTURE = "document.querySelector('.maml-lab-task .im image')?.href.baseVal"


def words(lab: NotebookPage) -> str:
    """All that the figures say."""
    texts: list[str] = lab.plots().locator("text").all_text_contents()
    return "\n".join(texts)


def test_tides_show_the_port_on_a_map_and_whose_data_they_are(opened: Opener) -> None:
    with opened("04_tides.ipynb", whole=False) as lab:
        assert "NOT FOR NAVIGATION" in words(lab)
        traces = lab.traces()
        assert len(traces["places"]["x"]) == 1080
        before = words(lab)
        lab.button("New task").click()
        lab.wait_for_trace("place", f"t.x[0] !== {traces['place']['x'][0]}")
        assert words(lab) != before
        expect(lab.choice("metric")).to_have_value("rmse ft")
        lab.choice("metric").select_option("loss")
        lab.page.wait_for_function(f"() => {_TITLE} === 'query loss'")


def test_emoji_show_what_each_drawing_is_taken_for(opened: Opener) -> None:
    with opened("05_few_shot_images.ipynb", whole=False) as lab:
        said = words(lab)
        assert all(word in said for word in ("support", "query", "step 0", "step 1", "CC BY 4.0"))
        assert said.count("%") >= 10  # confidences of five drawings at two steps
        picture = lab.page.evaluate(f"() => {_PICTURE}")
        assert picture.startswith("data:image/png")
        lab.button("New task").click()
        lab.page.wait_for_function("(old) => " + _PICTURE + " !== old", arg=picture)
        expect(lab.choice("metric")).to_have_value("accuracy")
        lab.button("Step: meta").click()
        lab.until("session.last_step == 1")

        # functions of one variable in the place of pictures: their points can be set
        lab.restart("tasks", "Sinusoid")
        lab.wait_for_trace("support", "t.x.length === 10")
        lab.page.mouse.click(*lab.place("task", 0.5, 0.2))
        lab.wait_for_trace("support", "t.x.length === 11")
        lab.restart("tasks", "Emoji")
        lab.page.wait_for_function(f"() => {_PICTURE}?.startsWith('data:image/png')")
        lab.page.mouse.click(*lab.place("task", 0.5, 0.2))
        lab.button("Undo").click()
        lab.wait_for_trace("support", "t.x.length === 10")
