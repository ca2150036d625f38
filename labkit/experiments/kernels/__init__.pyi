from .execution import execute_notebook as execute_notebook
from .process_tree import end_with_children as end_with_children
from .protocol import DISK_FULL as DISK_FULL
from .protocol import LEARNER_VARIABLE as LEARNER_VARIABLE
from .protocol import NO_ANSWER as NO_ANSWER
from .protocol import StopSwitch as StopSwitch
from .protocol import Watcher as Watcher
from .protocol import run_and_wait as run_and_wait
