"""Without its driver a storage says which extra to install."""

import subprocess
import sys

import pytest

#: Run by a Python of its own, where a module is made impossible to import and then asked for.
ASKED = """
import sys
sys.modules[{driver!r}] = None
from infra.engine.errors import ConfigError
try:
    import {module}
except ConfigError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("storage", "driver"), [("postgres", "asyncpg"), ("cassandra", "cassandra")]
)
@pytest.mark.parametrize("module", ["", ".storage"])
def test_a_driver_that_is_missing_is_told_with_its_extra(
    storage: str, driver: str, module: str
) -> None:
    asked = ASKED.format(driver=driver, module=f"infra.engine.{storage}{module}")
    found = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=30
    )
    assert f"needs the driver {driver}" in found.stdout
    assert f"pip install 'odori-choreography[{storage}]'" in found.stdout
