"""Families: the same questions to many models, at many controls and strengths.

May import: tools, ingredients, models, phases.geometry, phases.points, phases.diagram.  The equations are in those.

- `sweep`: the function that asks, piece by piece; `axes`: which models, controls and strengths its arguments mean.
- `quantities`: what can be asked, and the answers as plain data; `result`: all answers, as arrays and as a table;
  `picture`: how they are drawn.
"""
