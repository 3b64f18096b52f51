"""Another clock for one process: Debian's libfaketime, told from a file what it is o'clock."""

from collections.abc import Mapping
from pathlib import Path

#: Where Debian and its descendants put it.
PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
#: Where it keeps what a process shares with its children.
SHARED_MEMORY = Path("/dev/shm")
#: A process looks into its file so often.
LOOK_INTERVAL_SECONDS = 1


def library() -> Path | None:
    """The library, where it is installed."""
    found = (path for place in PLACES for path in Path("/").glob(place.lstrip("/")))
    return next(found, None)


class Clock:
    """The clock of one process. What it measures (the monotonic clock) stays right."""

    def __init__(self, library: Path, file: Path) -> None:
        self._library, self._file = library, file
        self.move(0)

    @property
    def environ(self) -> Mapping[str, str]:
        """What the process has to be started with."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": str(LOOK_INTERVAL_SECONDS),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def clean(self) -> None:
        """Take away what processes of such clocks left behind in memory when they were killed."""
        for left in SHARED_MEMORY.glob("*faketime_s*_*"):
            if not Path("/proc", left.name.rpartition("_")[2]).exists():
                left.unlink(missing_ok=True)

    def move(self, seconds: int) -> None:
        """Ahead of the true time, or behind it; zero is right."""
        self._file.write_text(f"{seconds:+d}s\n")
