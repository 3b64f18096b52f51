"""Seeds of the hostile world, and proof that they notice when a rule is missing."""

import multiprocessing

import pytest

from tests.simulation.__main__ import outcomes
from tests.simulation.mutants import NAMES, hunted
from tests.simulation.world import live

SEEDS_COUNT, CHUNK_COUNT = 200, 25


@pytest.mark.parametrize("first", range(0, SEEDS_COUNT, CHUNK_COUNT))
def test_everything_adds_up_after_every_storm(first: int) -> None:
    seeds = outcomes(range(first, first + CHUNK_COUNT), multiprocessing.cpu_count())
    broken = [f"seed {seed}: {story}" for seed, story in seeds if story]
    assert not broken, "\n\n".join(broken)


@pytest.mark.parametrize("seed", [3, 12])
def test_a_seed_runs_the_same_way_each_time(seed: int) -> None:
    stories: list[list[str]] = [[], []]
    ends = [live(seed, say=story.append).chance.random() for story in stories]
    assert stories[0] == stories[1]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("mutant", NAMES)
def test_a_mutant_is_caught_by_a_seed_that_passes_without_it(mutant: str) -> None:
    [caught] = hunted([mutant], 1)  # a process of its own: some mutants leave a mess
    assert caught.proves, caught
