"""Hyper-parameter map: which α, β, K would have worked, measured next to the lab."""

from collections.abc import Mapping, Sequence
from typing import final

from labkit.figures import (
    hyperparameter_map_figure,
    hyperparameter_map_notes,
    hyperparameter_map_words,
)
from labkit.session import MapTraining, MapView, Session
from labkit.widgets.controls import Button
from labkit.widgets.training_instrument import Pictures, TrainingInstrument

OPEN = Button(
    name="open",
    label="Open best",
    tooltip="Restart the session with the settings of the best cell; a click on a cell opens that",
)


@final
class HyperparameterMap(TrainingInstrument):
    """Query loss over two hyper-parameters, live, trained next to a session.

    *Start* trains a learner for each cell and seed, with the session's model, tasks and settings.
    The map fills in while they train; the kernel stays free. Point at a cell to see its adaptation
    curve, with the interval over its seeds; click on it to open it: the session restarts with these
    settings and trains as far as the map has, and the lab's *Undo* leads back. Hatched cells have
    diverged. In the end the best cell is trained with new seeds, which had no part in choosing it,
    and the star gets their mean with its 95 % interval.

    What cannot be trained is said in the panel. Headless it trains at once and shows a plain
    figure.

    Args:
        session: Whose model, tasks and settings; a `Lab` may show the same one.
        grid: Name → values of two of "alpha", "beta", "inner_steps" and "order", for the x axis and
            the y axis; None: α and β, eight values each around the session's.
        seeds: Learners of each cell, ≥ 1: the session's seed, and the next ones.
        meta_steps: Of each learner, ≥ 1.
        tasks: Held-out tasks of each seed, ≥ 1.
        share: Of the time that it may take while the session plays, 0 < share ≤ 1.

    Raises:
        ValueError: The share is out of its range.

    Example:
        >>> from labkit.session import Settings
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> session = Session(Settings(meta_batch=2), model=sinusoid_mlp, tasks=Sinusoid)
        >>> grid = {"alpha": [0.01, 0.1], "inner_steps": [1, 2]}
        >>> instrument = HyperparameterMap(session, grid, seeds=1, meta_steps=1, tasks=5)
        >>> instrument.view.grid.shape, bool(instrument.view.measured.any())  # not started
        ((2, 2), False)
        >>> instrument.close()
    """

    def __init__(
        self,
        session: Session,
        grid: Mapping[str, Sequence[float]] | None = None,
        *,
        seeds: int = 3,
        meta_steps: int = 1000,
        tasks: int = 100,
        share: float = 0.5,
    ) -> None:
        self._grid, self._seeds, self._tasks = grid, seeds, tasks
        self._meta_steps = meta_steps
        super().__init__(session, PICTURES, OPEN, heading="Hyper-parameter map", share=share)

    def training(self) -> MapTraining:
        """A new training with the session's settings."""
        session = self.session
        return MapTraining(
            session.source,
            session.settings,
            self._grid,
            seeds=self._seeds,
            meta_steps=self._meta_steps,
            tasks=self._tasks,
        )

    def open_cell(self, row: int, column: int) -> None:
        """Restart the session as a cell, and train it as far as the map has; as a click does.

        Raises:
            ValueError: There is no such cell, or the model and the tasks no longer fit.
        """
        view = self.view
        rows, columns = (0, 0) if view is None else view.grid.shape
        if not (0 <= row < rows and 0 <= column < columns):
            raise ValueError(f"there is no cell {(row, column)} in a map of {rows} × {columns}")
        self.open_session(view.grid.cell(row, column), view.meta_step, view.grid.title(row, column))

    def __repr__(self) -> str:
        return "Hyper-parameter map (live in a notebook with widgets)"

    def press(self, name: str) -> None:
        """Do what a button does."""
        best = None if self.view is None else self.view.best
        if name == "open" and best is not None:
            self.attempt(lambda: self.open_cell(best.row, best.column))
        else:
            super().press(name)

    def pick(self, name: str, index: int) -> None:  # noqa: ARG002  # cells are all there is
        """Open the cell that was clicked on."""
        columns = 1 if self.view is None else self.view.grid.shape[1]
        self.attempt(lambda: self.open_cell(*divmod(index, columns)))

    def states(self) -> Mapping[str, Mapping[str, object]]:
        """How its buttons stand."""
        without = self.view is None or self.view.best is None
        opening = {"disabled": without, "reason": "there is no best cell yet"}
        return {**super().states(), "open": opening}


def _state(view: MapView) -> object:
    judged = view.best is not None and view.best.judged
    return view.meta_step, int(view.measured.sum()), judged


PICTURES = Pictures(
    hyperparameter_map_figure, hyperparameter_map_words, hyperparameter_map_notes, _state
)
