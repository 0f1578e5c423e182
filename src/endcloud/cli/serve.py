"""`endcloud serve`: customers are answered until somebody stops it."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; without it, the setting serving.host.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes any free one. Without it, serving.port.")
    ] = None,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Serve customers: the chat, the console, the dashboard and an OpenAI-compatible API. Ctrl-C ends it in order."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # before anything of the hub is imported: no name is ever looked up there
    from endcloud.assembly import Shop
    from endcloud.assembly.serving import refuse_open_door, running
    from endcloud.web.logs import write_logs
    from endcloud.web.server import serve_until_stopped

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        settings = opened.settings.serving
        address, door = host or settings.host, settings.port if port is None else port
        write_logs(requests=settings.log == "requests")
        refuse_open_door(opened, address)
        console.say(f"Loading {opened.settings.end.model!r} …")
        with running(opened) as service:

            def began(url: str) -> None:
                console.result({"url": url, "version": service.service.router.end().version})
                console.text(f"{opened.settings.shop.name} is served at {url}")
                console.text("The chat is at /, agents are at /console, figures at /dashboard.")
                console.text("Ctrl-C ends it; answers under way are finished first.", style="dim")

            serve_until_stopped(service.app, address, door, began)
        console.say("The service has ended; all that was said is kept.")
