from .filters import Filter as Filter
from .reader import RunReader as RunReader
from .server import serve as serve
