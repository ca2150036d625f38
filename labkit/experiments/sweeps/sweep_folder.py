"""A sweep's folder: its design, one folder a run, and nothing that is half a run."""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.experiments.runs import Plan, RunFolder, Status, held
from labkit.experiments.sweeps.design import Design
from labkit.version import __version__

FORMAT = 1
SWEEP, RUNS = "sweep.json", "runs"
_TRIES = ".tries"


class SweepFolderError(ValueError):
    """A folder that this sweep cannot have; the message says how to go on."""


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """The folder of one sweep.

    Args:
        path: Where it is, or will be.
    """

    path: Path

    @property
    def tries(self) -> Path:
        """Where runs are made before they are moved into their place."""
        return self.path / _TRIES

    def run(self, plan: Plan) -> RunFolder:
        """The folder of a run that has ended."""
        return RunFolder(self.path / RUNS / plan.id)

    def ended(self, plan: Plan) -> Status | None:
        """How a run has ended; see `RunFolder.ended`."""
        return self.run(plan).ended

    @contextmanager
    def claimed(self, design: Design, plans: Sequence[Plan]) -> Iterator[None]:
        """Keep the folder for this sweep while it works, and note the design.

        Raises:
            SweepFolderError: It is another sweep's, or holds something else.
            FolderInUseError: Another process works there.
            OSError: It cannot be written.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(held(self.path))
            except OSError as error:
                raise OSError(error.errno, error.strerror) from None  # whichever file of the folder
            self._note(design, plans)
            # of sweeps that were killed
            shutil.rmtree(self.tries, ignore_errors=True)
            self.tries.mkdir(exist_ok=True)
            (self.path / RUNS).mkdir(exist_ok=True)
            try:
                yield
            finally:
                shutil.rmtree(self.tries, ignore_errors=True)

    def _note(self, design: Design, plans: Sequence[Plan]) -> None:
        ids = [plan.id for plan in plans]
        found = self._noted()
        if found is None:
            if others := sorted(p.name for p in self.path.iterdir() if not p.name.startswith(".")):
                raise SweepFolderError(
                    f"{self.path} is not empty and holds no sweep, but {', '.join(others[:3])}: "
                    "choose another folder"
                )
            whole = {
                "format": FORMAT,
                "labkit": __version__,
                "design": design.model_dump(mode="json"),
                "runs": ids,
            }
            text = json.dumps(whole, indent=1, ensure_ascii=False)
            RunFolder(self.path).write(SWEEP, text)
        elif found["runs"] != ids or not design.continues(found["design"]):
            same = found["design"] == design.model_dump(mode="json")
            why = (
                "was begun when the notebook or labkit was another"
                if same
                else "belongs to another sweep, " + json.dumps(found["design"], ensure_ascii=False)
            )
            raise SweepFolderError(
                f"{self.path} {why}: choose another folder for this one"
                + ("" if same else ", or repeat the options of that one to go on with it")
            )

    def _noted(self) -> dict[str, Any] | None:
        try:
            text = (self.path / SWEEP).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            found: dict[str, Any] = json.loads(text)
            if found["format"] == FORMAT:
                found["design"], found["runs"]  # a KeyError without
                return found
            problem = f"format {found['format']!r}"
        except (ValueError, TypeError, KeyError) as error:
            problem = repr(error)
        raise SweepFolderError(
            f"{self.path / SWEEP} is not what this labkit writes ({problem}): choose another folder"
        )

    def make(self, plan: Plan, run: Callable[[Plan, Path], Status]) -> Status:
        """Make a run apart and move it into its place; of several tries, one gets there.

        Args:
            plan: What is run.
            run: Runs it in the folder that it is given.

        Raises:
            FileNotFoundError: The folder is not there, as on a machine that does not share it.
        """
        own = self.tries / f"{plan.id}.{secrets.token_hex(4)}"
        try:
            own.mkdir()
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{self.path} is not on this machine: workers must share the sweep's folder"
            ) from None
        try:
            return self._placed(own, plan, run(plan, own))
        finally:
            shutil.rmtree(own, ignore_errors=True)

    def _placed(self, own: Path, plan: Plan, status: Status) -> Status:
        target = self.run(plan).path
        while True:
            earlier = self.ended(plan)
            if earlier is not None and earlier.state == "done":
                return earlier
            if target.exists():
                away = own.with_suffix(".old")
                os.replace(target, away)
                shutil.rmtree(away, ignore_errors=True)
            try:
                os.rename(own, target)
            except OSError:
                # another try came in between; what else is wrong would be so again
                if not target.exists():
                    raise
                continue
            return status
