"""Races that need a whole world: one knob of the simulation turned up, the others off."""

from typing import Any

import pytest

from tests.simulation.knobs import Knobs
from tests.simulation.world import World, seeded

SEEDS = range(3)


def hold(seed: int, **knobs: Any) -> None:
    """The world of this seed, hostile in this way only, adds up."""
    with seeded(seed):
        world = World(seed, 30, knobs=Knobs(orders=30, **knobs))
        world.run()


@pytest.mark.parametrize("seed", SEEDS)
def test_more_partitions_than_before_and_rewinds_harm_nothing(seed: int) -> None:
    hold(seed, partitions=1, grow=0.02, rewind=0.1, twice=0.3, noted=0.1)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_embedded_process_that_is_killed_at_any_point_skips_nothing(seed: int) -> None:
    hold(seed, embedded=True, kill=0.01, unanswered=0.05)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_processes_over_the_same_files_end_every_order(seed: int) -> None:
    hold(seed, hosts=2, interrupted=0.3, pause=0.03)
