"""MAML Lab: an interactive laboratory for model-agnostic meta-learning.

Every public name is imported from here on first use, so `labkit.core` loads neither plotly nor
widgets. `__init__.pyi` says what each name is.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
