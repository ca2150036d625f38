"""The live session: settings, player, history. A thread, no widget.

Every public name is imported on first use, so modules without training do not need torch.
`__init__.pyi` lists the names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
