"""A declaration that cannot be meant is refused where it is written, by table and column."""

from typing import Any

import pytest

from infra.engine.errors import InvalidRequest
from infra.engine.table import Table, Type

RIGHT: dict[str, Any] = {
    "columns": {"id": Type.TEXT, "at": Type.INT, "state": Type.TEXT},
    "partition": ("id",),
    "clustering": ("at",),
    "indexes": ("state",),
    "descending": frozenset({"at"}),
}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"indexes": ("status",)}, "indexes has 'status', which is no column; it has id, at"),
        ({"partition": ()}, "partition is empty"),
        ({"partition": ("no",)}, "partition has 'no', which is no column"),
        ({"clustering": ("no",)}, "clustering has 'no', which is no column"),
        ({"partition": "id"}, "partition is 'id', which is no tuple"),
        ({"indexes": ["state"]}, r"indexes is \['state'\], which is no tuple"),
        ({"descending": frozenset({"state"})}, "descending has 'state', which is no clustering"),
        ({"columns": {"id": "TEXT", "at": Type.INT}}, "column id is of type 'TEXT'"),
        (
            {"columns": {"state": Type.TEXT, "id": Type.TEXT, "at": Type.INT}},
            "columns must begin with the keys",
        ),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(wrong: dict[str, Any], said: str) -> None:
    assert Table("shop", "orders", **RIGHT).key_width == 2
    with pytest.raises(InvalidRequest, match=rf"^shop\.orders: {said}"):
        Table("shop", "orders", **(RIGHT | wrong))
