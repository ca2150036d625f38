"""MAML Lab: an interactive laboratory for model-agnostic meta-learning.

Every public name is imported from here on first use, so that `labkit.core` loads neither plotly nor
widgets. What each name is stands in `__init__.pyi`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
