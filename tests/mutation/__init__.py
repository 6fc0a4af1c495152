"""Mistakes planted in the core, one at a time: how many of them do the tests notice? `make mutants` says.

    mistakes ─▶ what can be written wrongly in a module: `<` for `<=`, a condition the other way, a step left out
    known    ─▶ which tests run which line, and how long they take, by one traced run of those that need no stack
    quick    ─▶ a process that has collected the tests; a fork of it gives the changed function its code and runs them
    run      ─▶ a sample, another one each day: the quick way, and what is done at import by an import hook

Nothing is written into the tree: a mistake lives in a fork. `equivalent.toml` lists mistakes that are none,
because nobody can tell the difference, each with its reason.
"""
