from .filters import Filter as Filter
from .filters import values_of as values_of
from .reader import RunReader as RunReader
from .server import serve as serve
