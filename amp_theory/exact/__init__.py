"""The equations once more in other arithmetics.

`digits`: as many as asked for, in mpmath; `proofs`: by intervals; `formulas`: in sympy.
"""
