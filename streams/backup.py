"""Backup of a data folder beside a running system, and restore into an empty one.

All stores are copied as of one moment (docs/decisions): every domain hears every other, so that no
order of copying one after the other could give a past that ever was.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.engine.sqlite.copy import copy_of_one_moment, is_whole
from streams.books.lost import lost
from streams.home import Files

#: What a backup says of itself; without it a folder is no backup.
MANIFEST = "backup.json"
#: The secret by which commands on the bus are known as the operator's.
OPERATOR_KEY = "operator.key"
#: Bytes read at a time.
BLOCK_BYTES = 2**20


class BackupError(Exception):
    """Something is in the way of a backup or restore; nothing was changed."""


def backup(home: Files, into: Path, now: datetime, domains: Iterable[str]) -> dict[str, Any]:
    """Copy the stores into a folder that is not there yet; raises BackupError, or the engine's.
    What others have heard of `domains` must be there."""
    data = home.data
    files = sorted(data.glob("*.db"))
    if not files:
        raise BackupError(f"{data} holds no data; name another --data")
    if missing := lost(home, domains):
        raise BackupError(f"{home.lacks(missing)}; nothing was copied")
    _must_be_free(into)
    partial = into.with_name(into.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    copy_of_one_moment(files, {path: partial / path.name for path in files})
    names = [path.name for path in files]
    if (data / OPERATOR_KEY).exists():
        shutil.copy2(data / OPERATOR_KEY, partial)
        names.append(OPERATOR_KEY)
    told = {"at": now.isoformat(), "files": {name: _digest(partial / name) for name in names}}
    (partial / MANIFEST).write_text(json.dumps(told, indent=2))
    _settle(partial, into)
    return told


def restore(source: Path, data: Path) -> dict[str, Any]:
    """Make a data folder of a backup; raises BackupError."""
    try:
        told: dict[str, Any] = json.loads((source / MANIFEST).read_text())
        files: dict[str, str] = told["files"]
    except (OSError, ValueError, KeyError):
        raise BackupError(f"{source} is no backup: it has no readable {MANIFEST}") from None
    _must_be_free(data)
    partial = data.absolute().with_name(data.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    for name, digest in files.items():
        try:
            shutil.copy2(source / name, partial / name)
        except OSError as error:
            raise BackupError(f"{source / name}: {error.strerror}") from None
        if _digest(partial / name) != digest or not (
            name == OPERATOR_KEY or is_whole(partial / name)
        ):
            raise BackupError(f"{source / name} is damaged; nothing was restored")
    _settle(partial, data)
    return told


def _must_be_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupError(f"{folder} is not empty; name a folder that is, or is not there")


def _settle(partial: Path, folder: Path) -> None:
    """Make it last, then give it its name: a folder of that name is always whole."""
    for path in [*partial.iterdir(), partial]:
        _sync(path)
    partial.replace(folder)
    _sync(folder.absolute().parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
