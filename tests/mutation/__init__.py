"""Mistakes planted in the core, one at a time: how many of them do the tests notice? `make mutants` says.

    mistakes ─▶ what can be written wrongly in a module: `<` for `<=`, a condition the other way, a step left out
    touched  ─▶ which tests run which line, by one traced run of those that need no stack; and a run of a few of them
    run      ─▶ a sample, another one each day: each mistake in a process of its own, with the tests that touch it

Nothing is written into the tree: a mistake lives in an import hook. `equivalent.toml` lists mistakes that are none,
because nobody can tell the difference, each with its reason.
"""
