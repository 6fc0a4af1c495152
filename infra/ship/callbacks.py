"""Whether the callbacks that functions.toml names may be called, before anything is deployed."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.callbacks import arns, urls
from chalicelib.callbacks.urls import UrlRefused
from chalicelib.functions import Function
from infra.stages import Stage
from invoke_once.errors import ConfigurationError


def check_callbacks(functions: Iterable[Function], stage: Stage) -> None:
    """Raises ConfigurationError for one that deliveries would refuse: to its own tenant, or to one that may run it."""
    for function in functions:
        try:
            for tenant in (function.tenant, *function.tenants) if function.callback else ():
                _check(function.callback, tenant, stage)
        except UrlRefused as refused:
            where = f"functions.toml: [functions.{function.name}] callback"
            raise ConfigurationError(f"{where}: it {refused} (stage {stage.name})") from None


def _check(callback: str, tenant: str, stage: Stage) -> None:
    if not arns.is_arn(callback):
        urls.check_url(callback, local=stage.local)
        return
    allowed = {}
    for written, tenants in stage.allowed_targets.items():
        if stage.may_be(written, callback):
            allowed[callback] = tenants
    arns.check_target(callback, tenant, allowed)
