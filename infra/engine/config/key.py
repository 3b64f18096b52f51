"""One scalar.db.* key: what it may be, and which field it sets or why it means nothing here."""

from dataclasses import MISSING, dataclass, fields

from .allowed import TEXT, Allowed
from .settings import CassandraStorage, Pool, PostgresStorage, SqliteStorage

PREFIX = "scalar.db."
#: What belongs to one storage stands below this, after the storage's name.
OF_STORAGE = "multi_storage.storages."

#: The owners of which each storage has its own.
PER_STORAGE: frozenset[type] = frozenset({PostgresStorage, SqliteStorage, CassandraStorage, Pool})


@dataclass(frozen=True)
class Key:
    """One row; without a field it is only checked, or means nothing for the reason `instead`."""

    #: Without `scalar.db.`; a star at the end stands for anything.
    name: str
    allowed: Allowed
    owners: tuple[type, ...] = ()
    field: str = ""
    instead: str = ""
    #: Other names of the same thing.
    spellings: tuple[str, ...] = ()
    #: The key that it is like, where it is not given.
    follows: str = ""
    remark: str = ""

    @property
    def per_storage(self) -> bool:
        """Whether each storage has its own."""
        return bool(PER_STORAGE & set(self.owners))

    @property
    def default(self) -> object:
        """What holds without it: the default of the field."""
        for owner in self.owners:
            for known in fields(owner):
                if known.name == self.field and known.default is not MISSING:
                    return known.default
        return None


def of(owner: type, name: str, allowed: Allowed, field: str = "", remark: str = "") -> Key:
    """A key of one owner, whose field has the last part of its name if no other is given."""
    return Key(name, allowed, (owner,), field or name.rpartition(".")[2], remark=remark)


def means_nothing(instead: str, *names: str, allowed: Allowed = TEXT) -> list[Key]:
    return [Key(name, allowed, instead=instead) for name in names]
