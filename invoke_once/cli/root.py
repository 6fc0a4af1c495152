"""The command group `once`: commands imported when they are called, errors as a sentence and a code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

import click

from invoke_once import __version__
from invoke_once.cli import exits
from invoke_once.cli.session import Session
from invoke_once.errors import InvokeOnceError

#: name -> (module, what `once --help` says), in the order of the help; the module's `command` is the command.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "invoke": ("invoke", "Start a run, and wait for it if you like."),
    "attach": ("attach", "Wait for a run and print its output."),
    "status": ("status", "Show one run."),
    "list": ("list", "List runs, newest first."),
    "logs": ("logs", "Print a run's log lines."),
    "cancel": ("cancel", "Cancel a run."),
    "retry": ("retry", "Run an unsuccessful run again."),
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
    """Run one command line. Gives its exit code; a mistake is a sentence on stderr, never a traceback."""
    try:
        code = once.main(args=list(args), prog_name="once", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else exits.OK
    except click.ClickException as error:
        error.show()
        return exits.USAGE
    except (click.Abort, KeyboardInterrupt):
        return exits.INTERRUPTED
    except (ReaderGone, BrokenPipeError):
        _swallow_stdout()
        return exits.BROKEN_PIPE
    except InvokeOnceError as error:
        return _tell(error)


def _tell(error: InvokeOnceError) -> int:
    from invoke_once.cli.output import clean, note
    from invoke_once.client_errors import ServiceUnreachable, Unauthorized, UnexpectedReply

    note(f"once: {clean(error)}")
    if isinstance(error, ServiceUnreachable | UnexpectedReply | Unauthorized):
        note("      `once doctor` finds out what is wrong")
    if key := getattr(error, "idempotency_key", None):
        note(f"      the run may have been started; the same command with --key {key} finds it")
    return exits.of_error(error)


def _swallow_stdout() -> None:
    """Who read our output has gone: let the interpreter's last flush go nowhere, quietly."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
