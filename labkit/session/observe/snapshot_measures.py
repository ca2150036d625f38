"""What can be measured and drawn at a snapshot of a session."""

from labkit.session.observe.observer import Points
from labkit.session.observe.snapshot import Snapshot
from labkit.tasks import AnyPortrait, Split
from labkit.training import AdaptationCurve, Between


class SnapshotMeasures:
    """Adaptation curves and portraits, which leave the session as it is."""

    def adaptation_curve(
        self,
        snapshot: Snapshot,
        *,
        split: Split = "validation",
        tasks: int | None = None,
        part: int | None = None,
        between: Between | None = None,
    ) -> AdaptationCurve:
        """Query loss over inner steps on held-out tasks, at a snapshot.

        Args:
            snapshot: When.
            split: "validation" while settings are being chosen, "test" for a result.
            tasks: Held-out tasks, ≥ 1; None takes those of the live curves.
            part: Measure on the first so many of them, ≥ 1; None: on all.
            between: Called now and then; what it raises ends the measuring.
        """
        return snapshot.observer.adaptation_curve(
            snapshot, split=split, tasks=tasks, part=part, between=between
        )

    def untrained_curve(
        self, snapshot: Snapshot, part: int | None = None, between: Between | None = None
    ) -> AdaptationCurve:
        """The live curve for θ₀, the parameters at meta-step 0, with the settings of a snapshot."""
        return snapshot.observer.untrained_curve(snapshot, part, between)

    def portrait(
        self, snapshot: Snapshot, task: int = 0, points: Points | None = None
    ) -> AnyPortrait | None:
        """A task of the live curve by its number, from 0; None if it cannot be drawn.

        Args:
            snapshot: When. Inside of a meta-step it is the task of that meta-step which the walk
                has come to, whatever `task` says.
            task: Number of the task.
            points: Support points in place of the task's own, if `editable`.
        """
        if snapshot.cursor is not None:
            return snapshot.observer.training_portrait(snapshot, snapshot.cursor)
        return snapshot.observer.portrait(snapshot, task, points)

    def editable(self, snapshot: Snapshot) -> bool:
        """Whether support points can be set by hand, as those of functions of one variable."""
        return snapshot.observer.editable(snapshot)
