"""The end model behind a URL, where the settings name one: the shop's own, or a cloud behind the guard."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from endcloud.errors import SettingsError

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.cloud.budget import Prices
    from endcloud.end.remote import RemoteEnd


def remote_end(shop: Shop) -> RemoteEnd:
    """The model at `serving.end_url`.

    On loopback, or named as the shop's own, it is asked in masked text and not recorded; any other counts as a cloud:
    every question is a row in the ledger and paid from the budget. Raises SettingsError where that cloud may not be
    asked, or a name, key or price is missing.
    """
    from endcloud.assembly.masking import uploads_nothing
    from endcloud.cloud.client import OpenAICloud
    from endcloud.cloud.paid import PaidModel
    from endcloud.end.remote import Abilities, RemoteEnd
    from endcloud.privacy.guard import Guard
    from endcloud.privacy.own_server import OwnServer

    settings = shop.settings.serving
    if not settings.end_model:
        raise SettingsError(f"serving.end_url is {settings.end_url!r}; name the model there in serving.end_model.")
    extra = {"logprobs": True, "top_logprobs": 2} if settings.end_logprobs else None
    client = OpenAICloud(settings.end_url, settings.end_model, _key(settings.end_key_variable), extra=extra)
    abilities = Abilities(log_probabilities=settings.end_logprobs)
    if not counts_as_cloud(shop):
        return RemoteEnd(OwnServer(client, shop.masker), shop.role, abilities)
    if why := uploads_nothing(shop):
        raise SettingsError(
            f"{why} The end model at {settings.end_url!r} is not on this machine: set serving.end_is_ours where that "
            "server is the shop's own, or allow uploads."
        )
    guarded = PaidModel(Guard(client, shop.upload_masker, shop.ledger), shop.budget, _prices(shop))
    shop.progress.say(
        f"The end model at {client.host} counts as a cloud: what it is asked stands in the ledger and in the budget."
    )
    return RemoteEnd(guarded, shop.role, abilities)


def counts_as_cloud(shop: Shop) -> bool:
    """Whether what the end model is asked leaves the shop."""
    from endcloud.end.remote import on_this_machine

    settings = shop.settings.serving
    return bool(settings.end_url) and not settings.end_is_ours and not on_this_machine(settings.end_url)


def _prices(shop: Shop) -> Prices:
    from endcloud.cloud.budget import Prices

    settings, prices = shop.settings.serving, shop.settings.cloud.prices
    if settings.end_model not in prices:
        raise SettingsError(
            f"The end model {settings.end_model!r} at {settings.end_url!r} counts as a cloud, and there is no price "
            f'for it, so the budget could not be kept; add [cloud.prices."{settings.end_model}"] with prompt, cached '
            f"and completion to {shop.directory.settings} (0 where it costs nothing), or set serving.end_is_ours where "
            "that server is the shop's own."
        )
    return Prices(**prices[settings.end_model].model_dump())


def _key(variable: str) -> str:
    if variable and not os.environ.get(variable):
        raise SettingsError(
            f"The environment variable {variable!r} is empty, and the key of the end model is expected there."
        )
    return os.environ.get(variable, "") if variable else ""
