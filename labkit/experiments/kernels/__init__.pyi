from .conversation import DISK_FULL as DISK_FULL
from .conversation import NO_ANSWER as NO_ANSWER
from .conversation import StopSwitch as StopSwitch
from .conversation import Watcher as Watcher
from .conversation import outcome as outcome
from .execution import quietly as quietly
from .process_tree import end_with_children as end_with_children
from .silence import silent as silent
