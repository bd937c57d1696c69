"""Closed forms: formulas as sympy expressions, where they exist."""
