"""plotly.js for the page: one copy a kernel, compressed, without any network.

It is no part of the state that a page loads with its widgets: pages that are there when the bundle
opens get it then, and a lab on a page that comes later asks for it.
"""

import gzip
import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import plotly
import traitlets

_STATIC = Path(__file__).parent / "static"
SCRIPT = _STATIC / "widget.js"
"""The front end, built from `js/`. A path: with ANYWIDGET_HMR=1 pages follow each new build."""

STYLES = _STATIC / "widget.css"


class PlotlyBundle(anywidget.AnyWidget):
    """An invisible widget that holds plotly.js; `plotly_bundle` gives the kernel's one.

    A page begins to evaluate it as soon as it hears of the widget, before any view is there.

    Attributes:
        packed: The JavaScript of the installed plotly package, compressed with gzip.
        digest: Of the JavaScript: a page evaluates the same library once.
    """

    _esm = _STATIC / "library.js"
    packed = traitlets.Bytes(read_only=True).tag(sync=True)
    digest = traitlets.Unicode(read_only=True).tag(sync=True)

    def __init__(self) -> None:
        source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
        content = source.read_bytes()
        self.set_trait("packed", gzip.compress(content, compresslevel=6, mtime=0))
        self.set_trait("digest", hashlib.sha256(content).hexdigest()[:16])
        super().__init__()

    def get_state(
        self, key: str | Iterable[str] | None = None, drop_defaults: bool = False
    ) -> dict[str, Any]:
        """What a page gets of the widget: all as it opens, later without the library itself."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if self.comm is not None and "packed" in state:
            state["packed"] = None
        return state


_making = threading.Lock()
_bundles: list[PlotlyBundle] = []


def plotly_bundle() -> PlotlyBundle:
    """The bundle that all dashboards of this kernel share; made at the first call.

    Example:
        >>> plotly_bundle() is plotly_bundle()
        True
    """
    with _making:
        # closed with all widgets, by `Widget.close_all`
        if not _bundles or _bundles[0].comm is None:
            _bundles[:] = [PlotlyBundle()]
        return _bundles[0]
