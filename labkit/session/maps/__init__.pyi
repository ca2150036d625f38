from .best_cell import BestCell as BestCell
from .best_cell import best_cell as best_cell
from .grid import MapGrid as MapGrid
from .hyperparameters import MapTraining as MapTraining
from .hyperparameters import MapView as MapView
from .surface import SurfaceTraining as SurfaceTraining
from .surface import SurfaceView as SurfaceView
