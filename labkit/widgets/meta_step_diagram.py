"""Meta-step diagram: one meta-step in slow motion, next to the lab."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, final

from labkit.figures import PlainFigure, meta_step_figure, meta_step_words
from labkit.session import MetaStepMonitor, MetaStepView, Session
from labkit.widgets.instrument import Instrument, instrument_groups
from labkit.widgets.steps import STEPS, while_paused

GROUPS = instrument_groups(*(replace(button, essential=False, key=None) for button in STEPS))


@final
class MetaStepDiagram(Instrument):
    """The next meta-step of a session as a diagram with its numbers, walked with the lab's buttons.

    θ goes down its inner steps to θ′_K, and the gradient of the query loss goes back up, through
    I − α_k H_k at each; their mean over the tasks moves θ. With order 1 the Hessians are struck
    out, and the diagram says what that changes. The session holds how far one has walked, so the
    buttons here and those of a `Lab` do the same.

    Its own thread measures, in at most a share of the training's time, and only while a page shows
    it. Closing it ends nothing else. Headless it shows a plain figure.

    Args:
        session: Whose meta-steps; a `Lab` may show the same one.
        share: Of the training's time that it may take, 0 < share ≤ 1.

    Raises:
        ValueError: The share is out of its range.

    Example:
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> start = Settings(meta_batch=2, inner_steps=3)
        >>> session = Session(start, model=sinusoid_mlp, tasks=Sinusoid)
        >>> diagram = MetaStepDiagram(session)
        >>> session.step("inner_step")
        >>> diagram.figure().layout.meta["table"]["caption"]
        'Meta-step 1, task 1 of 2'
        >>> diagram.close()
    """

    def __init__(self, session: Session, *, share: float = 0.1) -> None:
        self._monitor = MetaStepMonitor(share=share)
        self._shown = self._monitor.view
        self._playing = session.playing
        first = meta_step_figure(self._shown)
        super().__init__(session, GROUPS, first, heading="Meta-step")

    @property
    def view(self) -> MetaStepView:
        """What has been measured."""
        return self._monitor.view

    def figure(self) -> PlainFigure:
        """A plain figure of the meta-step that is next now."""
        monitor = MetaStepMonitor()
        monitor.measure(self.session.snapshot())
        return PlainFigure.of(meta_step_figure(monitor.view))

    def __repr__(self) -> str:
        return "Meta-step diagram (live in a notebook with widgets)"

    def press(self, name: str) -> None:
        """Do what a button does."""
        strides: dict[str, Any] = {button.name: button.name for button in STEPS}
        if name in strides:
            self.session.step(strides[name])

    def states(self) -> Mapping[str, Mapping[str, object]]:
        """Disabled while the session plays."""
        return {button.name: while_paused(self._playing) for button in STEPS}

    def draw(self) -> bool:
        """Measure what is due and show it; True if something is left."""
        snapshot = self.session.snapshot()
        self._playing = snapshot.playing
        if not self.board.watched:
            return False  # a page that looks at it again says so
        left = self._monitor.advance(snapshot)
        if self._shown is not self.view:
            self._shown = self.view
            self.board.show(meta_step_figure(self.view))
        return left

    def words(self) -> list[str]:
        """The read-out."""
        problems = self.view.problems
        return [word for word in meta_step_words(self.view) if word not in problems]

    def tell(self) -> None:
        """Let the page show the read-out, and what failed before any other message."""
        said, view = self.message, self.view
        if view.problems:
            self.message = view.problems[0], "error"
        elif view.objective and not said[0]:
            self.message = _of_policies(view.objective), "note"
        super().tell()
        self.message = said


def _of_policies(objective: str) -> str:
    """What losses and Hessians are where data are drawn with the parameters."""
    words = (
        "Losses are minus the mean return of episodes drawn at each θ′; "
        f"gradients and H are those of the objective {objective!r}"
    )
    if objective == "surrogate":
        return f"{words}, whose second derivative lacks a part: exact is not exact here"
    return words
