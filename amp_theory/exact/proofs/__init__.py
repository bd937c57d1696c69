"""Proofs by interval arithmetic that a special point's equations have exactly one solution.

May import: tools, ingredients, models, exact.digits.

- `reduction`: the equation in one unknown, that of the tricritical point among them; `intervals`: enclosures of its
  functions; `certificates`: proofs as files, and their verification.
"""
