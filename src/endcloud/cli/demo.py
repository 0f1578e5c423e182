"""`endcloud demo`."""

from endcloud.cli.options import HERE, JsonOption, ShopOption


def demo(shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """The whole loop on the bundled shop."""
