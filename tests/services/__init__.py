"""Real servers for tests: started from what the machine has, never mocked."""

import os

import pytest


def need(reason: str | None) -> None:
    """Without its service a test is skipped at home, and fails where CI=true; None is fine."""
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    elif reason:
        pytest.skip(reason)
