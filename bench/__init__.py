"""The benchmark: `make bench`. Every figure is a ratio against a baseline of the same run, or counted on the wire."""
