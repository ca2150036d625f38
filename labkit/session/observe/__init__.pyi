from .observer import Observer as Observer
from .observer import Points as Points
from .snapshot import MOST_GHOSTS as MOST_GHOSTS
from .snapshot import Cursor as Cursor
from .snapshot import Ghost as Ghost
from .snapshot import Snapshot as Snapshot
from .snapshot import Stride as Stride
from .snapshot import next_cursor as next_cursor
