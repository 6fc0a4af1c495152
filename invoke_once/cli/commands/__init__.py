"""The commands of `once`, one module a group; each has a `command`."""
