"""The life of a run: its states, its moves, what is due. In memory and pure: the time is an argument.

May import: `invoke_once.errors` and the standard library. May not: AWS, a clock, chance beside a move's new tokens.
"""
