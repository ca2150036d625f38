"""Task families from a user's own functions, tables, datasets and images."""

from labkit.tasks.custom.environments import EnvironmentTasks
from labkit.tasks.custom.function_tasks import FunctionTasks
from labkit.tasks.custom.half_cheetah import half_cheetah_direction, half_cheetah_velocity
from labkit.tasks.custom.image_folders import image_folder
from labkit.tasks.custom.labelled_tasks import LabelledTasks, dataset_tasks
from labkit.tasks.custom.table_tasks import TableTasks

__all__ = [
    "EnvironmentTasks",
    "FunctionTasks",
    "LabelledTasks",
    "TableTasks",
    "dataset_tasks",
    "half_cheetah_direction",
    "half_cheetah_velocity",
    "image_folder",
]
