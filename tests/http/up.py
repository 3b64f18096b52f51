"""A served system in a process of its own: `python -m tests.http.up DATA`, on any free port."""

import sys
from pathlib import Path

from infra.settings import Settings
from streams.folder import AlreadyRunning
from streams.serve import PortTaken, run
from streams.system import System


def say(_: System, url: str) -> None:
    print(url, flush=True)


if __name__ == "__main__":
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    try:
        run(Settings(data=Path(sys.argv[1]), port=port), say)
    except (AlreadyRunning, PortTaken) as refused:
        sys.exit(str(refused))
