"""The data folder: whose it is, its secrets, and where the process is that has it."""

import fcntl
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from streams.home import without_password

#: Bytes of the secret that marks the operator's own tools.
OPERATOR_KEY_BYTES = 32
#: The file with the folder's name on the bus, and how much of it is used.
MEMBER_ID, MEMBER_ID_CHARS = "member.id", 16
#: Processes of one kind on one data folder.
PROCESSES_MAX_COUNT = 100


class AlreadyRunning(Exception):
    """Another process runs on this data folder."""


def hold(data: Path) -> TextIO:
    """Take the data folder for this process, until the file is closed; raises AlreadyRunning."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)  # addresses and wallets are in there
    lock = (data / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        pid = running(data).get("pid", "unknown")
        raise AlreadyRunning(
            f"{data} is in use by another `odori up` (pid {pid}); stop that one first"
        ) from None
    return lock


def hold_own(data: Path, kind: str) -> tuple[Path, TextIO]:
    """The first folder for a process of this kind that nobody has (work-order-1), and its lock;
    raises AlreadyRunning."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(1, PROCESSES_MAX_COUNT + 1):
        with suppress(AlreadyRunning):
            return data / f"{kind}-{number}", hold(data / f"{kind}-{number}")
    raise AlreadyRunning(f"{PROCESSES_MAX_COUNT} processes `odori {kind}` run on {data} already")


def operator_key(data: Path) -> str:
    """The folder's secret, made once; who can read the folder is the operator."""
    return kept_secret(data / "operator.key")


def kept_secret(path: Path) -> str:
    """What is in this file, or made at random where there is nothing yet."""
    with suppress(FileNotFoundError):
        if key := path.read_text().strip():
            return key
    with os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # of two that find none, the second reads the first's
        key = file.read().strip()
        if not key:  # whoever began to make it died before it was written
            key = secrets.token_hex(OPERATOR_KEY_BYTES)
            file.seek(0)
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
    return key


def announce_running(data: Path, url: str, kafka: str = "", store: str = "") -> None:
    """Write where this process is, on which bus and over which store, for the other commands."""
    told = str(Path(store).absolute()) if store.endswith(".properties") else without_password(store)
    facts = {"url": url, "pid": os.getpid(), "kafka": kafka, "store": told}
    temporary = data / "up.json.new"
    temporary.write_text(json.dumps(facts))
    temporary.replace(data / "up.json")


def running(data: Path) -> dict[str, Any]:
    """What the last `odori up` on this folder wrote of itself; empty if there is none."""
    try:
        found = json.loads((data / "up.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
