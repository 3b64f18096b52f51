"""Both engines over each database."""

import pytest

from tests.interop.java import Java
from tests.interop.matrix.meeting import Meeting
from tests.interop.places import Place


@pytest.fixture(scope="session")
def meeting(java: Java, place: Place) -> Meeting:
    name = f"matrix_{place.name}"
    java.ask("createNamespace", store=place.name, namespace=name)
    return Meeting(java, place, name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test that counts the cells comes last."""
    items.sort(key=lambda item: "matrix/test_every_cell.py" in str(item.path))
