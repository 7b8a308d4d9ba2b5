"""What an author of objectives imports: nothing else of Seedcast is needed.

::

    from seedcast.objectives import objective


    def make(dimension: int = 10):
        return objective(lambda x: float((x**2).sum()), dimension, bounds=(-5.0, 5.0))

named in the package's ``pyproject.toml``::

    [project.entry-points."seedcast.objectives"]
    parabola = "my_package:make"
"""

from seedcast.shared.objective import Bounds, Objective, Seeds, Solutions, Values, objective

__all__ = ["Bounds", "Objective", "Seeds", "Solutions", "Values", "objective"]
