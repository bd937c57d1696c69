"""Phase diagrams to play with: an HTML page that explores one, and films along a path."""
