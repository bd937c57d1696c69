"""Sparse graphs: cavity equations for the laws of messages, solved on a grid or by populations."""
