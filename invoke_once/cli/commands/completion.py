"""`once completion`: a script for the shell. Functions are completed from the service."""

from __future__ import annotations

import click

from invoke_once.cli.types import examples


@examples(
    "once completion bash > ~/.local/share/bash-completion/completions/once",
    "once completion zsh > ~/.zfunc/_once",
)
@click.command("completion", short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """Print the completion script of a shell.

    \b
      bash   once completion bash > ~/.local/share/bash-completion/completions/once
      zsh    once completion zsh > ~/.zfunc/_once        (with ~/.zfunc in fpath, before compinit)
      fish   once completion fish > ~/.config/fish/completions/once.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "once", "_ONCE_COMPLETE").source())
    return 0
