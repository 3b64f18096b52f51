"""What every suite may ask for."""

from collections.abc import Iterator

import pytest

from tests.services import need
from tests.services.kafka import lacking, running


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The address of a real Kafka."""
    need(lacking())
    with running() as server:
        yield server.address
