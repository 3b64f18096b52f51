"""What can be wrong with a history, by name, and which of it an isolation lets happen."""

from enum import Enum, StrEnum
from typing import NamedTuple


class Anomaly(StrEnum):
    """Adya's names where there are any; the first six need no cycle to be seen."""

    GARBAGE_READ = "garbage read"
    INTERNAL = "internal inconsistency"
    DUPLICATE = "duplicate append"
    INCOMPATIBLE_ORDER = "incompatible order"
    LOST_APPEND = "lost append"
    ABORTED_READ = "aborted read (G1a)"
    INTERMEDIATE_READ = "intermediate read (G1b)"
    DIRTY_WRITE = "dirty write (G0)"
    CYCLIC_FLOW = "cyclic information flow (G1c)"
    LOST_UPDATE = "lost update"
    READ_SKEW = "read skew (G-single)"
    WRITE_SKEW = "write skew (G2-item)"
    STALE_READ = "stale read (G-single-realtime)"
    REAL_TIME = "real-time order"


_IN_TIME = {Anomaly.STALE_READ, Anomaly.REAL_TIME}
_SKEWS = {Anomaly.READ_SKEW, Anomaly.WRITE_SKEW}


class Model(Enum):
    """What is promised, as what may be wrong all the same.

    ScalarDB's SNAPSHOT keeps the first answer for each row, but rows are not of one moment: it
    promises cursor stability, and this is what its own Jepsen tests check.
    """

    STRICT_SERIALIZABLE = frozenset[Anomaly]()
    SNAPSHOT = frozenset(_IN_TIME | _SKEWS)

    @property
    def in_real_time(self) -> bool:
        """Whether who ended before another one began comes before it."""
        return self is Model.STRICT_SERIALIZABLE

    def forbids(self, anomaly: Anomaly) -> bool:
        return anomaly not in self.value


class Finding(NamedTuple):
    """One anomaly, and what shows it."""

    anomaly: Anomaly
    proof: str

    def __str__(self) -> str:
        return f"{self.anomaly}\n  " + self.proof.replace("\n", "\n  ")
