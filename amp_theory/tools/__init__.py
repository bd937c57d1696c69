"""Tools: what knows no physics; errors, results, arrays, quadrature, roots, runs, files.

May import: nothing of the package outside this room.

- `arrays`: names of array types, and the relative rounding of doubles; `errors`: the exception family and the checks
  that raise it; `results`: special points with their error bounds, or why there are none; `fixed_points`: those of
  state evolution; `reports`: what every result can do; `tables`: results as columns with units.
- `quadrature`: trapezoidal sums for analytic integrands; `panels`: Gauss-Legendre quadrature on panels that are cut
  until functions are resolved; `chebyshev`: tables in Chebyshev polynomials; `roots`: Newton iteration and bisection
  on many brackets; `expressions`: polynomials from text, floats as written numbers.
- `progress`: what long work says of itself, on a terminal and in the log.
- `runs`: long runs of independent tasks; `checkpoints`: what such runs keep; `workers`: processes that end with their
  parent; `exclusive`: what threads take in turns.
- `compiled`: loops that numba compiles where it is installed.
- `registration`: functions with one form for each class, which a user's own class registers too.
- `files`: reading and writing so that nothing is lost; `array_files`: numbers in files of other programs;
  `html` and `sheets`: tables for notebooks and as CSV.
"""
