"""The command `once`. Only the way in: everything else is imported once it is known to be needed."""

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
