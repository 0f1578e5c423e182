"""A shop's directory: private, one writer a job, one key for ever."""

from pathlib import Path

import pytest

from endcloud.errors import LockedError, UsageError
from endcloud.store.directory import ShopDirectory


def test_the_directory_is_private_and_its_key_stays(tmp_path: Path) -> None:
    shop = ShopDirectory(tmp_path / "shop")
    shop.create()
    assert (tmp_path / "shop").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "shop" / "key").stat().st_mode & 0o777 == 0o600
    assert len(shop.key()) == 32
    assert ShopDirectory(tmp_path / "shop").key() == shop.key()


def test_a_job_has_one_writer(tmp_path: Path) -> None:
    shop = ShopDirectory(tmp_path)
    with shop.lock("train"), pytest.raises(LockedError, match="endcloud train"), ShopDirectory(tmp_path).lock("train"):
        pass
    with shop.lock("train"), shop.lock("teach"):
        pass


def test_a_directory_without_settings_is_not_a_shop(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="endcloud init"):
        ShopDirectory.open(tmp_path)
