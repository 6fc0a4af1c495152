"""What `node/` has of Python's: the moves of attempts as data, the vectors that its tests play, its package and layer.

May import: `life` and `store`, whose moves are exported. `python -m infra.node.export` writes the files anew.
"""
