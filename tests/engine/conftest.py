"""Configurations as texts, and what is said of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.engine.config import Settings, load
from infra.engine.errors import ConfigError

Loaded = Callable[..., Settings]
Refused = Callable[..., list[str]]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """The settings of texts, which lie in the files a.properties, b.properties, ..."""
    monkeypatch.chdir(tmp_path)

    def read(*texts: str, **environ: str) -> Settings:
        files = [Path(f"{letter}.properties") for letter in "abc"[: len(texts)]]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text, "utf-8")
        return load(*files, environ=environ)

    return read


@pytest.fixture
def refused(loaded: Loaded) -> Refused:
    """The lines of the error that the texts are refused with."""

    def lines(*texts: str, **environ: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loaded(*texts, **environ)
        return str(caught.value).splitlines()

    return lines
