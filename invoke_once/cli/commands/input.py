"""`once input`: a run's input, what it was started with."""

from invoke_once.cli.commands.output import printing

command = printing("input", "Print a run's input.", "what it was started with")
