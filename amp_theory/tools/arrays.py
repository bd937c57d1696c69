"""Names of array types, and the relative rounding of doubles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
#: distance from one to the next double
EPS = float(np.finfo(float).eps)
