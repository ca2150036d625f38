"""All runs of some folders, in whichever state: as rows, and as a local page that follows them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
