"""The live session: settings, player, history. A thread, no widget.

Every public name is imported on first use, so that what knows no training is there without torch.
What each name is stands in `__init__.pyi`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
