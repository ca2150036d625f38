"""A session as data for a checkpoint, and back: its run, its present state and its kept runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labkit.core import alpha_tensors
from labkit.session.history import Event, History, TrainingCurve
from labkit.session.locks import SessionLocks
from labkit.session.observe import Ghost, Observer, Snapshot
from labkit.session.run import Run
from labkit.session.settings import ClassificationSettings, Settings, algorithm_of
from labkit.session.sharing import CUSTOM, Recipe, name_of, precision_of, source_of
from labkit.session.source import Source
from labkit.session.timeline import Timeline
from labkit.session.trainer import State, Trainer
from labkit.training import check_parts, check_stream, packed_state, unpacked_state

SESSION = "Session"

_KINDS = {kind.__name__: kind for kind in (Settings, ClassificationSettings)}
_CURVE = ("meta_step", "loss_before", "loss_after", "seconds")


@dataclass(frozen=True, slots=True)
class SavedSession:
    """What a checkpoint holds, checked against a source.

    Attributes:
        run: With its history, and the states at meta-step 0 and at the end.
        trainer: In the state at the end.
        settings: As chosen at the end.
        ghosts: Kept runs.
    """

    run: Run
    trainer: Trainer
    settings: Settings
    ghosts: tuple[Ghost, ...]


def session_content(timeline: Timeline, ghosts: tuple[Ghost, ...]) -> dict[str, Any]:
    """A session between two meta-steps, as data.

    Kept runs of other custom tasks or models than the session's are left out: only whoever wrote
    those could make them again.
    """
    run = timeline.run
    head = timeline.trainer.state()
    states = [run.states.before(0), head] if head.meta_step else [head]
    return {
        "source": _names(run.source),
        "kind": type(run.start).__name__,
        "start": run.start.model_dump(),
        "settings": timeline.settings.model_dump(),
        "columns": torch.from_numpy(run.history.columns()),
        "events": [[e.meta_step, e.name, e.value] for e in run.history.events],
        "states": [_state_content(state) for state in states],
        "ghosts": [
            _ghost_content(ghost)
            for ghost in ghosts
            if (source := ghost.snapshot.observer.source) is run.source
            or CUSTOM not in {name_of(source.tasks), name_of(source.model)}
        ],
    }


def saved_session(
    content: Mapping[str, Any], path: str | Path, source: Source, locks: SessionLocks
) -> SavedSession:
    """The session that a checkpoint holds.

    Args:
        content: From `session_content`.
        path: Its origin, for the message.
        source: Model and tasks of the session that is to continue with it.
        locks: Of that session.

    Raises:
        ValueError: It belongs to another model or other tasks, or is nothing that a session saves.
    """
    check_parts(content.get("source"), _names(source), path, SESSION)
    try:
        return _saved_session(content, path, source, locks)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise _invalid(path, f"{type(error).__name__}: {error}") from error


def _saved_session(
    content: Mapping[str, Any], path: str | Path, source: Source, locks: SessionLocks
) -> SavedSession:
    kind = _KINDS[content["kind"]]
    start, settings = (_settings(kind, content[name], path) for name in ("start", "settings"))
    events = _events(start, content["events"], path)
    columns = content["columns"]
    if not isinstance(columns, Tensor) or columns.dtype != torch.float64 or columns.ndim != 2:
        raise _invalid(path, "its losses are no table")
    if len(columns) != len(_CURVE) - 1 or not columns.isfinite().all():
        raise _invalid(path, "its losses are no finite numbers before and after adaptation")
    history = History.of(events, columns.numpy())
    states = [_state(kind, state, path) for state in content["states"]]
    at = [state.meta_step for state in states]
    if not at or at[0] != 0 or at != sorted(set(at)) or at[-1] != len(history):
        raise _invalid(path, f"it has {len(history)} losses, and states at the meta-steps {at}")
    if events and events[-1].meta_step >= max(len(history), 1):
        raise _invalid(path, "a setting changed after the last meta-step")
    trainer = Trainer(source, start.changed(events=()))
    run = Run(source, start, history)
    for state in states:
        if state.learner["seed"] != start.seed:
            raise _invalid(path, "its state is of another seed than its settings")
        trainer.resume(state, path)
        run.states.put(trainer.state())
    ghosts = tuple(_Ghosts(kind, source, locks, path).ghost(ghost) for ghost in content["ghosts"])
    return SavedSession(run, trainer, settings.changed(events=()), ghosts)


def _settings(kind: type[Settings], values: Any, path: str | Path) -> Settings:
    try:
        return kind.checked(dict(values))
    except ValueError as error:
        raise _invalid(path, f"its settings are not allowed: {error}") from None


def _events(start: Settings, rows: Any, path: str | Path) -> list[Event]:
    checked = _settings(type(start), {**start.model_dump(), "events": rows}, path).events
    return [Event(meta_step, name, value) for meta_step, name, value in checked]


def _names(source: Source) -> dict[str, str | None]:
    """What a checkpoint must have in common with a session."""
    return {
        "tasks": name_of(source.tasks),
        "model": name_of(source.model),
        "dtype": precision_of(source.dtype),
        "batch_norm": source.batch_norm,
    }


def _state_content(state: State) -> dict[str, Any]:
    return {"settings": state.settings.model_dump(), "learner": packed_state(state.learner)}


def _state(kind: type[Settings], content: Any, path: str | Path) -> State:
    learner = unpacked_state(content["learner"], path, SESSION)
    if type(learner["meta_step"]) is not int:
        raise _invalid(path, "its meta_step is no whole number")
    return State(_settings(kind, content["settings"], path), learner)


def _ghost_content(ghost: Ghost) -> dict[str, Any]:
    snapshot = ghost.snapshot
    return {
        "label": ghost.label,
        "source": _names(snapshot.observer.source),
        "kind": type(snapshot.settings).__name__,
        "start": snapshot.start.model_dump(),
        "settings": snapshot.settings.model_dump(),
        "meta_step": snapshot.meta_step,
        "last_step": snapshot.last_step,
        "seconds": snapshot.seconds,
        "params": snapshot.params,
        "alpha": snapshot.alpha,
        "tasks": snapshot.task_stream,
        "state": _state_content(snapshot.state),
        "events": [[e.meta_step, e.name, e.value] for e in snapshot.events],
        "curve": [torch.from_numpy(getattr(snapshot.curve, name).copy()) for name in _CURVE],
    }


class _Ghosts:
    """Makes kept runs of data; those of one source and seed have one observer."""

    def __init__(
        self, kind: type[Settings], source: Source, locks: SessionLocks, path: str | Path
    ) -> None:
        self._kind, self._source, self._locks, self._path = kind, source, locks, path
        self._observers: dict[tuple[str, int], Observer] = {}

    def ghost(self, content: Mapping[str, Any]) -> Ghost:
        path, kind = self._path, _KINDS[content["kind"]]
        start, settings = (_settings(kind, content[name], path) for name in ("start", "settings"))
        for name in ("meta_step", "last_step"):
            if type(content[name]) is not int or content[name] < 0:
                raise _invalid(path, f"the {name} of a kept run is no whole number ≥ 0")
        check_stream(content["tasks"], path, SESSION)
        observer = self._observer(content["source"], start, content["meta_step"])
        params, own = content["params"], observer.initial
        if _form(params) != _form(own):
            raise _invalid(path, f"a kept run has parameters {_form(params)}, not {_form(own)}")
        trainer = Trainer(observer.source, start.changed(events=()))
        trainer.resume(_state(kind, content["state"], path), path)
        algorithm = algorithm_of(settings, tuple(own))
        alpha_tensors(content["alpha"], algorithm.adapted(params), algorithm.inner_steps)
        curve = [np.asarray(column, np.float64) for column in content["curve"]]
        if len({column.shape for column in curve}) != 1 or curve[0].ndim != 1:
            raise _invalid(path, "the curve of a kept run has columns of several lengths")
        snapshot = Snapshot(
            settings=settings,
            meta_step=content["meta_step"],
            params=params,
            alpha=content["alpha"],
            task_stream=content["tasks"],
            curve=TrainingCurve(*curve),
            start=start,
            events=tuple(_events(start, content["events"], path)),
            playing=False,
            rate=0.0,
            seconds=float(content["seconds"]),
            failure=None,
            last_step=content["last_step"],
            cursor=None,
            state=trainer.state(),
            observer=observer,
            path=((0, own), (content["meta_step"], params))[content["meta_step"] == 0 :],
        )
        return Ghost(str(content["label"]), snapshot)

    def _observer(self, names: Mapping[str, Any], start: Settings, meta_step: int) -> Observer:
        key = (repr(sorted(names.items(), key=str)), start.seed)
        if key not in self._observers:
            source = source_of(Recipe(start, meta_step, **names), self._source)
            plain = start.changed(events=())
            self._observers[key] = Observer(source, plain, self._locks.measure())
        return self._observers[key]


def _form(params: Mapping[str, Tensor]) -> dict[str, str]:
    return {name: f"{tensor.dtype}{list(tensor.shape)}" for name, tensor in params.items()}


def _invalid(path: str | Path, reason: str) -> ValueError:
    return ValueError(f"{path} is not a checkpoint written by {SESSION}.save: {reason}")
