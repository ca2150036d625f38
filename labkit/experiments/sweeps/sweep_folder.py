"""A sweep's folder: its design, and one folder for each complete run."""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from labkit.experiments.runs import (
    LABELS,
    WITH_RESULT,
    Plan,
    RunFolder,
    Status,
    key_of,
    lock_folder,
)
from labkit.experiments.sweeps.design import Design
from labkit.session import RunProgress
from labkit.version import __version__

FORMAT = 1
SWEEP, RUNS = "sweep.json", "runs"
ATTEMPTS = ".tries"
CHECKPOINTS = ".checkpoints"
"""Folder with the states of trainings of the runs that are not done, each by its id."""


class SweepFolderError(ValueError):
    """A sweep cannot use a folder; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """The folder of one sweep.

    Args:
        path: The folder, which need not exist yet.
        kept: `Plan.key` → id of runs that an earlier version of the notebook has finished; they
            stand for the runs of the present one.
    """

    path: Path
    kept: Mapping[str, str] = field(default_factory=dict)

    @property
    def attempts(self) -> Path:
        """Where runs are executed before they are moved to `run`."""
        return self.path / ATTEMPTS

    def run(self, plan: Plan) -> RunFolder:
        """The folder of a run that has ended."""
        return RunFolder(self.path / RUNS / self.kept.get(plan.key, plan.id))

    def checkpoint(self, plan: Plan) -> Path:
        """Where the trainings of a run save their states, for whichever attempt comes next."""
        return self.path / CHECKPOINTS / plan.id

    def ended(self, plan: Plan) -> Status | None:
        """The final status of a run; see `RunFolder.ended`."""
        return self.run(plan).ended

    def progress(self, plan: Plan) -> RunProgress:
        """How far a run is that a worker executes, or is to execute."""
        for path in self.attempts.glob(f"{plan.id}.*"):
            with suppress(OSError, ValueError):  # it may just be ending, on another machine
                if (progress := RunFolder(path).progress) is not None:
                    return progress
        return RunProgress("waiting for a worker")

    def give_up(self, plan: Plan) -> None:
        """Ask a run that is under way for an early end; see `RunFolder.give_up`."""
        for path in self.attempts.glob(f"{plan.id}.*"):
            with suppress(OSError):  # it may just be ending
                RunFolder(path).give_up()

    @contextmanager
    def claim(
        self, design: Design, plans: Sequence[Plan], *, retry: bool = False
    ) -> "Iterator[SweepFolder]":
        """Lock the folder for this sweep while it runs, and store the design.

        A stored sweep may grow: all its runs must be among the new ones.

        Args:
            design: Of the sweep.
            plans: All of its runs, or those with which a search begins.
            retry: Whether runs of another version of the notebook are kept, and failed ones
                repeated with this one.

        Returns:
            The folder with what is kept.

        Raises:
            SweepFolderError: It belongs to another sweep, or contains other files.
            FolderInUseError: Another process uses it.
            OSError: It cannot be written.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(lock_folder(self.path))
            except OSError as error:
                raise OSError(error.errno, error.strerror) from None  # without a file's name
            own = self._store_design(design, plans, retry=retry)
            # a killed sweep leaves some
            shutil.rmtree(self.attempts, ignore_errors=True)
            self.attempts.mkdir(exist_ok=True)
            (self.path / RUNS).mkdir(exist_ok=True)
            try:
                yield own
            finally:
                shutil.rmtree(self.attempts, ignore_errors=True)
                with suppress(OSError):  # there are some of runs that failed
                    (self.path / CHECKPOINTS).rmdir()

    def _store_design(self, design: Design, plans: Sequence[Plan], *, retry: bool) -> "SweepFolder":
        version = plans[0].version
        new: dict[str, Any] = {
            "format": FORMAT,
            "labkit": __version__,
            "design": design.model_dump(mode="json"),
            "runs": [plan.id for plan in plans],
            "keys": [plan.key for plan in plans],
            "versions": [version],
        }
        stored = self._stored_design()
        if stored is None:
            if others := sorted(p.name for p in self.path.iterdir() if not p.name.startswith(".")):
                raise SweepFolderError(
                    f"{self.path} contains no sweep, but {', '.join(others[:3])}: choose another "
                    "folder"
                )
            self._write(new)
            return self
        same = set(stored["runs"]) <= set(new["runs"])
        grown = set(stored.get("keys", [""])) <= set(new["keys"])
        if not (same or grown) or not design.continues(stored["design"]):
            raise SweepFolderError(
                f"{self.path} belongs to another sweep, "
                f"{json.dumps(stored['design'], ensure_ascii=False)}: choose another folder for "
                "this one, or repeat that sweep's options to continue it, with more seeds, values, "
                "samples or trials if you like"
            )
        versions = stored.get("versions", [version] if same else [])
        if version not in versions and not retry:
            raise SweepFolderError(
                f"{self.path} was started with another version of the notebook or of labkit: "
                "--retry keeps its finished runs and executes the others with this version; or "
                "choose another folder"
            )
        new["versions"] = list(dict.fromkeys([*versions, version]))
        own = replace(self, kept=self._kept(version)) if len(new["versions"]) > 1 else self
        if new != stored:
            self._write(new)
        return own

    def _write(self, content: dict[str, Any]) -> None:
        RunFolder(self.path).write(SWEEP, json.dumps(content, indent=1, ensure_ascii=False))

    def _kept(self, version: str) -> dict[str, str]:
        """The finished runs of other versions of the notebook; failed ones are removed."""
        kept = {}
        for path in sorted((self.path / RUNS).iterdir()):
            folder = RunFolder(path)
            status = folder.ended
            if status is None or status.version == version:
                continue
            if status.state == "failed":
                shutil.rmtree(path)
            else:
                kept[key_of(status.notebook, folder.parameters)] = path.name
        return kept

    def _stored_design(self) -> dict[str, Any] | None:
        try:
            text = (self.path / SWEEP).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            stored: dict[str, Any] = json.loads(text)
            if stored["format"] == FORMAT:
                stored["design"], stored["runs"]  # KeyError if one is missing
                return stored
            problem = f"format {stored['format']!r}"
        except (ValueError, TypeError, KeyError) as error:
            problem = repr(error)
        raise SweepFolderError(
            f"{self.path / SWEEP} was not written by this labkit ({problem}): choose another folder"
        )

    def execute(self, plan: Plan, run: Callable[[Plan, Path], Status]) -> Status:
        """Execute a run in a temporary folder, which then becomes `run`; the first attempt wins.

        Args:
            plan: The run.
            run: Executes it in the folder that it receives.

        Raises:
            FileNotFoundError: The folder does not exist, as on a machine that does not share it.
        """
        own = self.attempts / f"{plan.id}.{secrets.token_hex(4)}"
        try:
            own.mkdir()
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{self.path} does not exist on this machine: workers must share the sweep's folder"
            ) from None
        try:
            status = self._move(own, plan, run(plan, own))
            if status.state in WITH_RESULT:
                shutil.rmtree(self.checkpoint(plan), ignore_errors=True)
            return status
        finally:
            shutil.rmtree(own, ignore_errors=True)

    def _move(self, own: Path, plan: Plan, status: Status) -> Status:
        target = self.run(plan).path
        while True:
            earlier = self.ended(plan)
            if earlier is not None and earlier.state != "failed":
                return earlier
            if target.exists():
                away = own.with_suffix(".old")
                os.replace(target, away)
                with suppress(FileNotFoundError):  # what people have written on the run
                    shutil.copy(away / LABELS, own / LABELS)
                shutil.rmtree(away, ignore_errors=True)
            try:
                os.rename(own, target)
            except OSError:
                # another attempt was faster; any other problem would recur
                if not target.exists():
                    raise
                continue
            return status
