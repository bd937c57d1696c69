"""Phase diagrams: lines, regions and verdicts along one path; saved, loaded, drawn.

May import: tools, ingredients, models, equations_of_state, exact.digits, phases.geometry, phases.points.

- `diagram`: the diagram of a model along a path, `compute`d from its three `lines`, `regular_lines` on regular graphs,
  `random_lines` of measures whose samples overlap, between their `random_branches`.
- `along_path`: what a path meets at one control; `curves`: one isotherm as data; `scan`: a threshold against a
  parameter of the model, with its `scan_picture`.
- `drawing`: the picture; `views`: what its axes show; `styles`: colours, sizes and shared options; `labels`: room for
  legends and names, at `places` in `boxes`; `saved`: reading a file.
"""
