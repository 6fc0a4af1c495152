"""Which service a command talks to: the global options, resolved when a command first needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoke_once.errors import ConfigurationError

if TYPE_CHECKING:
    from invoke_once.client import Once
    from invoke_once.client.profile import Profile


@dataclass(frozen=True, slots=True)
class Session:
    """`--url` and `--profile` as given; None where they were not."""

    url: str | None = None
    profile: str | None = None

    def settings(self) -> Profile:
        """Where, as whom, and where that was found. Raises ConfigurationError."""
        from invoke_once.client.profile import resolve

        return resolve(self.url, None, self.profile)

    def once(self, *, timeout_s: float = 30.0, tries: int = 6, needs_token: bool = True) -> Once:
        """A client. Raises ConfigurationError where no URL is set, or no token that it needs."""
        from invoke_once.client import Once, RetryPolicy

        found = self.settings()
        if needs_token and not found.token:
            raise ConfigurationError(f"no token for {found.url}: set ONCE_TOKEN, or store one with `once configure`")
        return Once(found.url, found.token, timeout=timeout_s, retry=RetryPolicy(max_tries=tries))
