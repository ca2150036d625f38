"""The lab's traits: values of its session that can be observed, linked and set."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import traitlets

from labkit.session import LIVE, Session, Settings


class SessionTrait(traitlets.TraitType[Any, Any]):
    """A value of a lab's session.

    The lab's `traits_mirror` holds it; assigning it asks the lab to change the session.
    """

    def get(self, obj: Any, cls: type[Any] | None = None) -> Any:  # noqa: ARG002  # traitlets asks so
        """The value that the lab last noticed."""
        return obj.traits_mirror[self.name]

    def set(self, obj: Any, value: Any) -> None:
        """Change the session.

        Raises:
            TraitError: The lab refuses the value; nothing has changed.
        """
        obj.traits_mirror.assign(self.name, value)


def setting_trait(name: str) -> SessionTrait:
    """The trait of a live setting, with the setting's description as its help.

    Example:
        >>> setting_trait("alpha").help
        'inner step size α'
    """
    return SessionTrait(help=Settings.model_fields[name].description)


class TraitsMirror:
    """A lab's traits as last noticed; it notifies of changes, and holds no lock meanwhile.

    Reading the session and storing what was read is one step, and so is changing the session and
    storing the change: a reading from before an assignment never overwrites it.

    Args:
        session: Whose values they are.
        change: (name, value) → nothing; changes the session, or raises `TraitError`.
        notify: (name, old, new) → nothing; tells the observers.
    """

    def __init__(
        self,
        session: Session,
        change: Callable[[str, Any], None],
        notify: Callable[[str, Any, Any], None],
    ) -> None:
        self._session, self._change, self._notify = session, change, notify
        # taken before the lab's own lock and the session's, never while observers run
        self._lock = threading.RLock()
        self._values = session_values(session)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def refresh(self) -> None:
        """Notice what has changed in the session, and tell the observers."""
        self._tell(self._noticed(self._values))

    def assign(self, name: str, value: Any) -> None:
        """Change a value of the session, and tell the observers.

        Raises:
            TraitError: The lab refuses it; nothing has changed.
        """
        with self._lock:
            self._change(name, value)
            changes = self._noticed([name])
        self._tell(changes)

    def _noticed(self, names: Iterable[str]) -> dict[str, tuple[Any, Any]]:
        with self._lock:
            now, before = session_values(self._session), self._values
            changes = {n: (before[n], now[n]) for n in names if now[n] != before[n]}
            self._values = {**before, **{name: new for name, (_, new) in changes.items()}}
        return changes

    def _tell(self, changes: Mapping[str, tuple[Any, Any]]) -> None:
        for name, (old, new) in changes.items():
            if self._values[name] == new:  # else somebody who changed it since tells of that
                self._notify(name, old, new)


def session_values(session: Session) -> dict[str, Any]:
    """What the traits of a session's lab are; waits for no meta-step.

    Example:
        >>> from labkit.tasks import Sinusoid, sinusoid_mlp
        >>> values = session_values(Session(Settings(), model=sinusoid_mlp, tasks=Sinusoid))
        >>> values["alpha"], values["playing"], values["meta_step"]
        (0.01, False, 0)
    """
    settings, looking = session.settings, session.looking
    return {
        **{name: getattr(settings, name) for name in LIVE},
        "playing": session.playing,
        "meta_step": session.last_step if looking is None else looking,
    }
