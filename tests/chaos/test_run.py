"""A whole run: everything is killed, paused, cut and filled, and nothing is lost."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from infra import containers
from infra.chaos.clock import library
from streams.chaos.containers import in_containers
from streams.chaos.recovery import rows
from streams.chaos.report import report
from streams.chaos.run import run
from streams.chaos.stage import OpenServers
from tests.chaos.native import native
from tests.cli.conftest import odori
from tests.services import cassandra, compose, kafka, need, postgres

CI = os.environ.get("CI") == "true"
#: Five minutes have everything in them; a minute at home has some of it.
SECONDS = float(os.environ.get("CHAOS_SECONDS") or (300 if CI else 60))
#: The same faults in every run, so that a red one tells of a change; ODORI_SEED names others.
USUAL_SEED = 7
#: With tests beside it, two cores bear this.
ORDERS_PER_SECOND = 20.0
IMAGES = (containers.Kafka, containers.Postgres, containers.Cassandra)


def servers() -> OpenServers:
    """In containers; at home, where there is no engine, as processes."""
    reason = containers.lacking()
    if reason is None:
        for kind in IMAGES:
            if not containers.has_image(kind.image):
                compose.images(kind.name.lower().removesuffix("ql"))
        return in_containers(SECONDS / 60)
    need(reason if CI else kafka.lacking() or postgres.lacking() or cassandra.lacking())
    return native


@pytest.mark.service
def test_everything_is_broken_on_purpose_and_nothing_is_lost(
    tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    need("clocks are moved by libfaketime" if CI and library() is None else None)
    seed = int(os.environ.get("ODORI_SEED") or USUAL_SEED)
    print(f"seed: ODORI_SEED={seed}")
    outcome = asyncio.run(
        run(servers(), tmp_path, seed=seed, seconds=SECONDS, rate=ORDERS_PER_SECOND, say=print)
    )
    print(report(outcome))
    assert outcome.lost == []
    # How long it took is in the report, and judged where people read it: by the command.
    assert outcome.blows
    assert [row for row in rows(outcome.blows) if row.measured is None] == []
    record_testsuite_property("ran", f"chaos: {outcome.summary}")


def test_without_docker_one_sentence_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    said = odori("chaos")
    assert said.exit_code == 3
    assert said.output.startswith(
        "Error: odori chaos runs its servers in containers, and no Docker"
    )
