"""The equations once more, in mpmath: as many digits as asked for, and proofs by interval arithmetic."""
