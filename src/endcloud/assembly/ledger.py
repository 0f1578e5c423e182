"""The ledger of a shop looked over, with its head that lies beside the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.store.ledger_chain import Head
    from endcloud.store.ledger_check import Verification


def verify_ledger(shop: Shop, noted: Head | None = None) -> Verification:
    """Whether every row and payload is there and as it was written; `noted` is a head that was kept elsewhere."""
    from endcloud.store.ledger_check import verify
    from endcloud.store.ledger_head import HeadFile

    return verify(shop.database, HeadFile(shop.directory.ledger_head), noted)
