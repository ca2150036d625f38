"""A page that plays a run: opened as a file, without a network, on a wide page and a telephone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from labkit import Session, Settings, Sinusoid, export_replay, sinusoid_mlp
from tests.browser.lab_page import LabPage, without_history

LAST = 20
Y = "() => Array.from(document.querySelector('.maml-lab-adaptation .maml-lab-plot').data.at(-1).y)"
OPACITIES = """() =>
  document.querySelector('.maml-lab-task .maml-lab-plot').data
    .map(({ meta, opacity }) => [meta?.inner_step, opacity ?? 1])
    .filter(([step]) => Number.isInteger(step))"""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    start = Settings(meta_batch=4, inner_steps=2, beta=0.01)
    session = Session(start, model=sinusoid_mlp, tasks=Sinusoid, test_tasks=20)
    session.run(LAST)
    yield session
    session.close()


@pytest.fixture(scope="module")
def replay(
    chromium: Browser, session: Session, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabPage]:
    path = export_replay(session, tmp_path_factory.mktemp("replay") / "run.html", states=5)
    with without_history(chromium, 1440, 900) as context:
        context.set_offline(True)
        page = LabPage(context.new_page())
        page.page.goto(Path(path).as_uri())
        page.wait_for_lab()
        yield page


def measured(session: Session, meta_step: int) -> list[float]:
    mean = session.adaptation_curve(session.snapshot(meta_step)).mean
    return [float(np.float32(value)) for value in mean]


def test_it_goes_to_any_state_with_the_numbers_of_the_session(
    replay: LabPage, session: Session
) -> None:
    for asked, nearest in ((0, 0), (11, 10), (LAST, LAST)):
        replay.type("history", str(asked))
        expect(replay.lab()).to_contain_text(f"meta-step {nearest} of {LAST} · recorded")
        replay.page.wait_for_function(
            f"(mean) => ({Y})()[1] === mean", arg=measured(session, nearest)[1]
        )
        assert replay.page.evaluate(Y) == measured(session, nearest)


def test_it_plays_to_the_end_and_walks_the_inner_steps(replay: LabPage) -> None:
    replay.type("history", "0")
    replay.button("Play").click()
    expect(replay.lab()).to_contain_text(f"meta-step {LAST} of {LAST}")
    expect(replay.button("Play")).to_be_visible()
    replay.type("show step", "1")
    expect(replay.button("All")).to_have_attribute("aria-pressed", "false")
    replay.page.wait_for_function(f"() => ({OPACITIES})().some(([, opacity]) => opacity < 1)")
    dimmed = dict(replay.page.evaluate(OPACITIES))
    assert dimmed[1] == 1
    assert dimmed[2] < 1


def test_a_telephone_shows_it_without_scrolling_sideways(replay: LabPage) -> None:
    replay.page.set_viewport_size({"width": 400, "height": 800})
    expect(replay.slider("history")).to_be_visible()
    assert replay.page.evaluate("document.documentElement.scrollWidth") <= 400
    assert replay.errors == []
