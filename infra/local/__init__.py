"""The local AWS of this checkout: started, found again, stopped; and the service deployed to it.

May import: `ship`. `emulator`, `launcher` and `processes` need the standard library alone.
"""
