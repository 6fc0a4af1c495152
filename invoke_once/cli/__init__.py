"""The command `once`. Only the way in: everything else is imported once it is known to be needed.

    root.py      the command group, its commands loaded by name; errors to sentences and exit codes
    session.py   which service, from the global options; exits.py: the exit codes; types.py: option types
    output.py    what goes to stdout and stderr; follow.py: watch a run to its end; views.py: how that looks

May import: the client, click and rich; httpx and rich inside commands alone, so that help and completion stay quick.
"""

import sys


def main() -> None:
    """Run the command line and exit with its code. Ctrl-C is 130 wherever it strikes, imports included."""
    try:
        from invoke_once.cli.root import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    except ModuleNotFoundError as error:
        if error.name not in ("click", "httpx", "rich"):
            raise
        print("once needs more packages: pip install 'invoke-once[cli]'", file=sys.stderr)
        code = 2
    sys.exit(code)
