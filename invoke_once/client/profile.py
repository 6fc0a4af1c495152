"""Where the service is and who asks: arguments, the environment, or a profile in the config file.

    ~/.config/invoke-once/config.toml  (mode 600; $XDG_CONFIG_HOME moves it)
        default = "work"
        [profiles.work]
        url = "https://…"
        token = "once_…"
        webhook_secret = "whsec_…"     # optional, for `once listen`

In order: what is given; a profile that is asked for by name; ONCE_URL and ONCE_TOKEN; the default profile.
A profile's token goes to that profile's URL and nowhere else. Only the standard library is imported here.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from invoke_once.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_HELP = "set ONCE_URL and ONCE_TOKEN, or run `once configure`"


@dataclass(frozen=True, slots=True)
class Profile:
    """One service to talk to. `source` says in words where it came from."""

    url: str = ""
    token: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file: profiles by name, and which one is meant when none is named."""

    profiles: Mapping[str, Profile] = field(default_factory=dict)
    default: str = "default"


def config_path(env: Mapping[str, str] = os.environ) -> Path:
    """The config file's place, whether it exists or not."""
    home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    base = Path(env["XDG_CONFIG_HOME"]) if env.get("XDG_CONFIG_HOME") else home / ".config"
    return base / "invoke-once" / "config.toml"


def resolve(
    url: str | None = None,
    token: str | None = None,
    profile: str | None = None,
    env: Mapping[str, str] = os.environ,
) -> Profile:
    """Which service, as whom. Raises ConfigurationError where nothing says it, or the profile is not there.

    The token may be empty: some calls need none, and the service says so for the others.
    """
    env = {**env, "ONCE_URL": env.get("ONCE_URL", "").strip()}  # a file written on Windows ends it with CR
    given = Profile((url or "").strip() or env["ONCE_URL"], token or env.get("ONCE_TOKEN", ""))
    if given.url and given.token and not profile:
        return Profile(given.url.rstrip("/"), given.token.strip(), source="given" if url else "ONCE_URL")
    stored = _stored(profile or env.get("ONCE_PROFILE"), env)
    named = stored if profile else Profile()
    chosen, source = _first(
        ((url or "").strip(), "given"),
        (named.url, named.source),
        (env.get("ONCE_URL"), "ONCE_URL"),
        (stored.url, stored.source),
    )
    if not chosen:
        raise ConfigurationError(f"no service URL: {_HELP}")
    chosen = chosen.strip().rstrip("/")
    own = stored.token if stored.url.rstrip("/") == chosen else ""
    tokens = (token, own, env.get("ONCE_TOKEN")) if profile else (token, env.get("ONCE_TOKEN"), own)
    return Profile(chosen, next((t for t in tokens if t), "").strip(), source=source)


def webhook_secret(profile: str | None = None, env: Mapping[str, str] = os.environ) -> str:
    """ONCE_WEBHOOK_SECRET, or the profile's `webhook_secret`; empty where there is none."""
    return env.get("ONCE_WEBHOOK_SECRET") or _stored(profile or env.get("ONCE_PROFILE"), env).webhook_secret


def read(path: Path) -> Config:
    """The config file; an empty Config where there is none. Raises ConfigurationError if unreadable."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        profiles = {name: _profile(path, name, entry) for name, entry in data.get("profiles", {}).items()}
    except FileNotFoundError:
        return Config()
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from None
    return Config(profiles, str(data.get("default", "default")))


def save(path: Path, name: str, profile: Profile, *, make_default: bool) -> None:
    """Add or replace one profile: the file anew, mode 600 from its first byte, moved into place at once."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError("a profile's name is letters, digits, '-' and '_'")
    config = read(path)
    first = not config.profiles
    default = name if make_default or first else config.default
    text = _render(Config({**config.profiles, name: profile}, default))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(path, text)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error}") from None


def is_private(path: Path) -> bool:
    """True when nobody but the owner may read the file (or it is not there)."""
    try:
        return os.name == "nt" or path.stat().st_mode & 0o077 == 0
    except OSError:
        return True


def _stored(name: str | None, env: Mapping[str, str]) -> Profile:
    path = config_path(env)
    config = read(path)
    found = config.profiles.get(name or config.default)
    if found is None and name:
        known = ", ".join(sorted(config.profiles)) or "none"
        raise ConfigurationError(f"no profile {name!r} in {path} (there is: {known}); `once configure` makes one")
    return found or Profile()


def _first(*choices: tuple[str | None, str]) -> tuple[str, str]:
    return next(((value, source) for value, source in choices if value), ("", ""))


def _profile(path: Path, name: str, entry: Mapping[str, Any]) -> Profile:
    texts = {key: str(entry.get(key) or "") for key in ("url", "token", "webhook_secret")}
    return Profile(**texts, source=f"profile {name} in {path}")


def _render(config: Config) -> str:
    lines = ["# written by `once configure`; keep it private", f"default = {_quoted(config.default)}"]
    for name, profile in config.profiles.items():
        lines += ["", f"[profiles.{_quoted(name)}]"]
        values = {"url": profile.url, "token": profile.token, "webhook_secret": profile.webhook_secret}
        lines += [f"{key} = {_quoted(value)}" for key, value in values.items() if value]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text).replace("\x7f", "\\u007f")


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
