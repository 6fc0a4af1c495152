"""The commands of `once`, one module a group; each has a `command`.

    root.py      the command group, loaded by name; errors to sentences and exit codes
    session.py   which service, from the global options; exits.py: the exit codes; types.py: option types
    output.py    what goes to stdout and stderr; follow.py: watch a run to its end; views.py: how that looks

httpx and rich are imported inside commands, never at the top of a module: help and completion stay quick.
"""
