"""Headless runs: results are recorded in executed notebooks and read back. No widget.

Every public name is imported on first use, so the command line answers before torch and plotly are
imported. `__init__.pyi` lists the names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
