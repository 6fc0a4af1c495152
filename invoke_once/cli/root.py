"""The command group `once`: commands imported when they are called, errors as a sentence and a code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

import click

from invoke_once.cli import exits
from invoke_once.cli.session import Session
from invoke_once.errors import InvokeOnceError
from invoke_once.version import __version__

#: name -> (module, what `once --help` says), in the order of the help; the module's `command` is the command.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "invoke": ("invoke", "Start a run, and wait for it if you like."),
    "batch": ("batch", "Start many runs with one outcome."),
    "attach": ("attach", "Wait for a run and print its output."),
    "status": ("status", "Show one run."),
    "list": ("list", "List runs, newest first."),
    "logs": ("logs", "Print a run's log lines."),
    "input": ("input", "Print a run's input."),
    "output": ("output", "Print a run's output."),
    "open": ("open", "Open a run's page in the browser."),
    "link": ("link", "Make a URL that shows one run or batch without a token."),
    "cancel": ("cancel", "Cancel a run, or all that a filter shows."),
    "retry": ("retry", "Run an unsuccessful run again, or all that a filter shows."),
    "bulk": ("bulk", "Follow or stop what --all has begun."),
    "deliveries": ("deliveries", "Show how a run's callback was delivered."),
    "listen": ("listen", "Receive callbacks here and verify them."),
    "functions": ("functions", "Show what can be run."),
    "tokens": ("tokens", "Create, list and revoke tokens."),
    "doctor": ("doctor", "Find out what is wrong and how to fix it."),
    "policy": ("policy", "Print what a function outside the stack needs."),
    "configure": ("configure", "Store a service's URL and your token."),
    "login": ("configure", "Store a service's URL and your token."),
    "completion": ("completion", "Print a shell's completion script."),
}


class ReaderGone(Exception):
    """Who read our output has closed it, as `head` does."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called, and never for the help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"invoke_once.cli.commands.{COMMANDS[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderGone from None  # click would exit with 1, which is a failed run's code

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name in COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches

        near = get_close_matches(name, COMMANDS, 1)
        hint = f" Did you mean {near[0]}?" if near else " `once --help` lists them."
        raise click.UsageError(f"no such command: {name}.{hint}", ctx)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--url", metavar="URL", help="The service's URL, in place of ONCE_URL.")
@click.option("--profile", metavar="NAME", help="A profile of the config file, in place of the environment.")
@click.version_option(__version__, prog_name="once", message="%(prog)s %(version)s")
@click.pass_context
def once(ctx: click.Context, url: str | None, profile: str | None) -> None:
    """Run a function once, and never lose its result.

    ONCE_URL and ONCE_TOKEN say which service, or `once configure` stores them.

    \b
      once invoke -f report -p input.json --wait
      once attach run_…

    Exit codes: 0 succeeded, 1 failed, 2 wrong usage or refused, 3 timed out, 4 cancelled or expired,
    5 gave up waiting, 6 service unreachable, 130 interrupted.
    """
    ctx.obj = Session(url, profile)


def run(args: Sequence[str]) -> int:
    """Run one command line. Gives its exit code; a mistake is a sentence on stderr, never a traceback.

    `ONCE_DEBUG=1` shows the traceback of a mistake of ours.
    """
    from invoke_once.cli.output import note, one_line, swallow

    _open_what_is_closed()
    try:
        code = once.main(args=list(args), prog_name="once", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else exits.OK
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        return exits.USAGE
    except (click.Abort, KeyboardInterrupt, EOFError):
        return exits.INTERRUPTED
    except (ReaderGone, BrokenPipeError):
        swallow(sys.stdout)
        return exits.BROKEN_PIPE
    except SystemExit as ended:  # click's, for a help text that nobody reads to its end; or after completing
        if "_ONCE_COMPLETE" in os.environ:
            raise
        swallow(sys.stdout)
        return exits.BROKEN_PIPE if ended.code else exits.OK
    except InvokeOnceError as error:
        return _tell(error)
    except OSError as error:  # of reading and of the network there are none left here
        swallow(sys.stdout)
        note(f"once: cannot write the output: {error.strerror or error}")
        return exits.NOT_WRITTEN
    except Exception as error:
        if _on_the_way_out(error):
            return exits.INTERRUPTED
        if os.environ.get("ONCE_DEBUG"):
            raise
        note(f"once: a mistake in once itself: {type(error).__name__}: {one_line(error)[:300]}")
        note("      with ONCE_DEBUG=1 it shows where; please report it")
        return exits.INTERNAL


def _on_the_way_out(error: BaseException) -> bool:
    """True for an error of Ctrl-C's: where it strikes a wait between two steps, the wait's lock complains of itself."""
    return isinstance(error.__context__, KeyboardInterrupt)


def _tell(error: InvokeOnceError) -> int:
    from invoke_once.cli.output import note, one_line

    sentence, fix = _in_a_shells_words(error)
    note(f"once: {one_line(sentence)}")
    if fix:
        note(f"      {fix}")
    if key := getattr(error, "idempotency_key", None):
        note(f"      the run may have been started; the same command with --key {key} finds it")
    return exits.of_error(error)


def _in_a_shells_words(error: InvokeOnceError) -> tuple[object, str]:
    """What is wrong, and what to do about it at a prompt."""
    from invoke_once import client_errors

    if isinstance(error, client_errors.ServiceUnreachable | client_errors.UnexpectedReply):
        return error, "`once doctor` finds out what is wrong"
    if isinstance(error, client_errors.Unauthorized):
        fix = "set ONCE_TOKEN, or store another with `once configure`; `once doctor` finds out more"
        return "the service does not take this token: it is wrong, expired or revoked", fix
    if isinstance(error, client_errors.Forbidden):
        return error, "this needs a token with another scope: `once tokens create --scope …` makes one"
    if isinstance(error, client_errors.TooLarge):
        return f"the input is too large to be sent: {error}", "put it in S3 and give the function its address"
    if isinstance(error, client_errors.NotFound):
        return error, "`once list`, `once batch list` and `once functions` show what this token can see"
    return error, ""


def _open_what_is_closed() -> None:
    """A standard channel that the shell has closed (`>&-`) is None in Python. Reading and notes then go nowhere; a
    result that cannot be written is an error like a full disk: the stand-in is not open for writing.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
