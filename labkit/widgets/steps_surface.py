"""Steps surface: trained with K inner steps, tested with any number, measured next to the lab."""

from collections.abc import Sequence
from typing import final

from labkit.figures import steps_surface_figure, steps_surface_notes, steps_surface_words
from labkit.session import Session, SurfaceTraining, SurfaceView
from labkit.widgets.training_instrument import Pictures, TrainingInstrument


@final
class StepsSurface(TrainingInstrument):
    """Query loss after 0 … many test steps over the trained K, live, trained next to a session.

    *Start* trains a learner for each K and seed, with the session's model, tasks and settings, and
    the baselines: θ₀ as it was drawn and joint training, each with its best step size; for the
    paper's sinusoids the oracle, for tides the harmonic fit. Point at a cell to see the curve of
    its K, with the interval over its seeds; click on it to open that K in the session. Hatched
    cells have diverged.

    What cannot be trained is said in the panel. Headless it trains at once and shows a plain
    figure.

    Args:
        session: Whose model, tasks and settings; a `Lab` may show the same one.
        trained: Numbers K, at least two, each ≥ 1.
        seeds: Learners of each K, ≥ 1: the session's seed, and the next ones.
        meta_steps: Of each learner, ≥ 1.
        tasks: Held-out tasks of each seed, ≥ 1.
        test_steps: ≥ the largest K.
        share: Of the time that it may take while the session plays, 0 < share ≤ 1.

    Raises:
        ValueError: The share is out of its range.

    Example:
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
        >>> surface = StepsSurface(session, (1, 2))
        >>> surface.view.loss.shape  # not started
        torch.Size([2, 33])
        >>> surface.close()
    """

    def __init__(
        self,
        session: Session,
        trained: Sequence[int] = (1, 2, 3, 4, 5),
        *,
        seeds: int = 3,
        meta_steps: int = 1000,
        tasks: int = 100,
        test_steps: int = 32,
        share: float = 0.5,
    ) -> None:
        self._trained, self._test_steps = trained, test_steps
        self._seeds, self._meta_steps, self._tasks = seeds, meta_steps, tasks
        super().__init__(session, PICTURES, heading="Steps surface", share=share)

    def training(self) -> SurfaceTraining:
        """A new training with the session's settings."""
        session = self.session
        return SurfaceTraining(
            session.source,
            session.settings,
            self._trained,
            seeds=self._seeds,
            meta_steps=self._meta_steps,
            tasks=self._tasks,
            test_steps=self._test_steps,
        )

    def open_row(self, row: int) -> None:
        """Restart the session with the K of a row, and train it as far as the surface has.

        Raises:
            ValueError: There is no such row, or the model and the tasks do not fit.
        """
        view: SurfaceView | None = self.view
        rows = 0 if view is None else len(view.trained)
        if view is None or not 0 <= row < rows:
            raise ValueError(f"there is no row {row} in a surface of {rows}")
        steps = view.trained[row]
        self.open_session(view.settings.changed(inner_steps=steps), view.meta_step, f"K = {steps}")

    def __repr__(self) -> str:
        return "Steps surface (live in a notebook with widgets)"

    def pick(self, name: str, index: int) -> None:  # noqa: ARG002  # cells are all there is
        """Open the K of the cell that was clicked on."""
        self.attempt(lambda: self.open_row(index // (self._test_steps + 1)))


def _state(view: SurfaceView) -> object:
    entries = sum(int((~values.isnan()).sum()) for values in view.baselines.values())
    return view.meta_step, int(view.measured.sum()), entries


PICTURES = Pictures(steps_surface_figure, steps_surface_words, steps_surface_notes, _state)
