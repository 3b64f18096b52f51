"""Tables of every type, and of names and orders that need care."""

from infra.engine.table import Table, Type

ALL_TYPES = {
    "pk": Type.TEXT,
    "ck": Type.INT,
    "ix": Type.TEXT,
    "c_bool": Type.BOOLEAN,
    "c_int": Type.INT,
    "c_bigint": Type.BIGINT,
    "c_float": Type.FLOAT,
    "c_double": Type.DOUBLE,
    "c_text": Type.TEXT,
    "c_blob": Type.BLOB,
    "c_date": Type.DATE,
    "c_time": Type.TIME,
    "c_tstz": Type.TIMESTAMPTZ,
}
TYPES = Table("app", "types", ALL_TYPES, ("pk",), ("ck",), ("ix",))
MIXED = Table(
    "app",
    "Mixed",
    {"a": Type.INT, "b": Type.INT, "c": Type.INT, "d": Type.INT, "i": Type.INT, "Order": Type.INT},
    ("a", "b"),
    ("c", "d"),
    ("i",),
    frozenset({"c"}),
)
