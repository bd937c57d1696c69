"""Which path is best: bounds on all side information at once, at every overlap.

May import: tools, ingredients, models, equations_of_state, phases.geometry, phases.points.

- `least_slope`: the least slope that memoryless side information allows at an overlap, with its dual certificate.
"""
