"""The explorer: a phase diagram as one page on which a point is moved, and as a film.

May import: everything below.

- `page`: the HTML file; `data`: what it shows; `tables`: what it computes with; `animation`: the film.
"""
