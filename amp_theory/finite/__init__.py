"""Finite instances: real algorithms against the theory, with which they share models and paths only."""
