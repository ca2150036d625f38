"""plotly.js for the page: one copy a kernel, sent once, compressed, without any network."""

import gzip
import threading
from pathlib import Path

import anywidget
import plotly
import traitlets
from plotly.offline import get_plotlyjs_version

_STATIC = Path(__file__).parent / "static"
SCRIPT = _STATIC / "widget.js"
"""The front end, built from `js/`. A path: with ANYWIDGET_HMR=1 pages follow each new build."""

STYLES = _STATIC / "widget.css"


class PlotlyBundle(anywidget.AnyWidget):
    """An invisible widget that holds plotly.js; `plotly_bundle` gives the kernel's one.

    A page begins to evaluate it as soon as it hears of the widget, before any view is there.

    Attributes:
        packed: The JavaScript of the installed plotly package, compressed with gzip.
        version: Of plotly.js: a page evaluates each version once.
    """

    _esm = SCRIPT
    packed = traitlets.Bytes(read_only=True).tag(sync=True)
    version = traitlets.Unicode(read_only=True).tag(sync=True)

    def __init__(self) -> None:
        source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
        self.set_trait("packed", gzip.compress(source.read_bytes(), compresslevel=6, mtime=0))
        self.set_trait("version", get_plotlyjs_version())
        super().__init__()


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
