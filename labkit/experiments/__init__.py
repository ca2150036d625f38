"""Headless runs: results recorded in executed notebooks and read back. No widget.

Every public name is imported on first use, so that the command line need not wait for torch and
plotly before it answers. What each name is stands in `__init__.pyi`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
