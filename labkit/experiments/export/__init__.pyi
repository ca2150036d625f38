from .trackers import Exported as Exported
from .trackers import export_runs as export_runs
