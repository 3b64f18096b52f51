"""A Kafka without topics: each data folder of a test begins a system of its own."""

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient

from tests.services.best import cassandra, kafka, postgres

__all__ = ["cassandra", "kafka", "postgres"]

#: Deleting topics takes the broker a moment.
ADMIN_LIMIT_SECONDS = 30


@pytest.fixture
def emptied(kafka: str) -> Iterator[str]:
    """The session's Kafka, with nothing of ours left in it afterwards."""
    yield kafka
    admin = AdminClient({"bootstrap.servers": kafka})
    topics = [name for name in admin.list_topics(timeout=ADMIN_LIMIT_SECONDS).topics
              if not name.startswith("__")]  # fmt: skip
    groups = [g.group_id for g in admin.list_consumer_groups().result().valid]
    for done in (admin.delete_topics(topics) if topics else {}).values():
        done.result(ADMIN_LIMIT_SECONDS)
    for done in (admin.delete_consumer_groups(groups) if groups else {}).values():
        done.result(ADMIN_LIMIT_SECONDS)
