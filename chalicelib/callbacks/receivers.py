"""Where a callback may go: a public https URL, or a bus, queue or topic that the stage allows the tenant."""

from __future__ import annotations

from collections.abc import Collection

from chalicelib.callbacks import arns, urls
from chalicelib.callbacks.arns import AwsTarget
from chalicelib.callbacks.urls import CallbackUrl
from chalicelib.settings import Settings

Receiver = CallbackUrl | AwsTarget


def check_receiver(settings: Settings, tenant: str, url: object, own_hosts: Collection[str] = ()) -> Receiver:
    """The receiver in its normal form. Raises UrlRefused; nothing is resolved or asked."""
    if arns.is_arn(url):
        return arns.check_target(url, tenant, settings.callback_targets)
    return urls.check_url(url, local=settings.local, own_hosts=own_hosts)
