"""People's judgements are kept, and reading a sheet twice records it once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from endcloud.protocols import Reviews
from endcloud.store.database import Database
from endcloud.store.reviews import StoredReviews
from endcloud.testing.memory_reviews import MemoryReviews
from endcloud.types import Review

ONE = Review("r1", "sheet", "几天到", "亲，3天", None, "abc", "小李", 4, datetime(2026, 1, 2, tzinfo=UTC), "快")
TWO = replace(ONE, id="r2", cloud="3天哦", grade=1, at=datetime(2026, 1, 3, tzinfo=UTC))


@pytest.fixture(params=["stored", "memory"])
def reviews(request: pytest.FixtureRequest, database: Database) -> Reviews:
    return StoredReviews(database) if request.param == "stored" else MemoryReviews()


def test_reviews_come_back_as_they_were(reviews: Reviews) -> None:
    reviews.add([ONE, TWO])
    assert reviews.all() == [ONE, TWO]
    assert [review.poor for review in reviews.all()] == [False, True]


def test_the_newest_of_an_id_counts_once(reviews: Reviews) -> None:
    reviews.add([ONE])
    reviews.add([])
    reviews.add([replace(ONE, grade=2)])
    reviews.add([replace(ONE, grade=2)])
    assert reviews.all() == [replace(ONE, grade=2)]


def test_more_reviews_than_one_statement_takes(reviews: Reviews) -> None:
    many = [replace(ONE, id=f"r{number:05}") for number in range(2000)]
    reviews.add(many)
    reviews.add(many)
    assert reviews.all() == many
