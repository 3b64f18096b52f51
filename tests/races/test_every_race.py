"""Which tests close which race of the design; each is seen red without its rule, by a mutant or
by a sample beside it."""

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.races.on_services import ON_SERVICES

TESTS = Path(__file__).parents[1]
#: Of the lines of the design.
NUMBERS = range(1, 22)
#: What a test that needs a real server says.
MARK = "pytest.mark.service"

#: Race -> tests, as file::name. A mutant is named by mutants.py::name.
RACES: dict[int, tuple[str, ...]] = {
    # payment away while the reservation runs out; a cancel against arrange
    1: (
        (
            "domains/test_dance.py::test_a_reservation_that_ran_out_while_payment_was_down"
            "_is_neither_charged_nor_shipped"
        ),
        "domains/test_dance.py::test_a_cancel_that_races_the_parcel_has_exactly_one_winner",
        "domains/test_any_order.py::test_without_one_of_the_rules_some_seed_finds_it",
    ),
    # a charge whose answer is lost
    2: (
        (
            "connectors/test_payment_connector.py::test_an_answer_that_was_lost_is_charged_once"
            "_and_never_taken_for_declined"
        ),
        (
            "connectors/test_restarts.py::test_a_process_that_is_killed_between_attempt_and_answer"
            "_charges_once"
        ),
        "domains/test_payment.py::test_a_void_whose_charge_never_happened_ends_voided",
    ),
    # a lane's stopped owner wakes up
    3: (
        "races/test_lanes.py::test_a_stale_owner_writes_nothing_more_in_its_lane_and_loses_nothing",
        "races/test_lanes.py::test_without_the_fence_a_stale_owner_writes_into_a_retired_lane",
        "simulation/mutants.py::no_fencing",
    ),
    # a connection lost during COMMIT; a send that leaves a hole
    4: (
        "races/test_lanes.py::test_a_commit_whose_answer_is_lost_is_found_and_announced_once",
        "races/test_lanes.py::test_published_does_not_pass_a_hole",
        "simulation/mutants.py::no_answer_is_success",
        "simulation/mutants.py::relay_forgets_before_publishing",
    ),
    # kill -9 between arrival and commit
    5: (
        "kafka/test_offsets.py::test_a_position_never_passes_what_is_not_done",
        "kafka/test_group.py::test_a_member_killed_between_poll_and_done_leaves_all_to_the_next",
        "simulation/mutants.py::offsets_ahead_of_the_database",
    ),
    # two events of a batch on one row, one of which needs another row first
    6: (
        (
            "domains/test_inventory.py::test_two_orders_of_one_batch_are_both_counted"
            "_and_never_oversold"
        ),
        (
            "races/test_batches.py::test_the_same_order_in_one_batch_with_another_body"
            "_leaves_the_first_untouched"
        ),
        "simulation/mutants.py::no_ledger",
    ),
    # a failure overtakes its forward event
    7: (
        (
            "races/test_lanes.py::test_a_failure_that_overtakes_its_event_while_that_commits"
            "_leaves_nothing_held"
        ),
        "domains/test_inventory.py::test_a_failure_that_overtakes_its_order_leaves_nothing_held",
        "domains/test_inventory.py::test_a_failure_right_behind_its_order_in_one_batch_releases_it",
        "simulation/mutants.py::no_tombstone",
    ),
    # a hold, an order and another body under one id
    8: (
        "domains/test_holds.py::test_a_hold_and_its_order_in_one_batch_keep_stock_once",
        (
            "domains/test_order.py::test_the_same_order_id_with_another_body_clashes"
            "_and_the_first_is_untouched"
        ),
        "races/test_batches.py::test_a_providers_answer_repeated_with_another_timestamp_is_dropped",
    ),
    # refused cancels and declined payments leave what they should
    9: (
        "domains/test_shipping.py::test_a_refused_cancel_of_a_shipped_order_leaves_it_shipped",
        "domains/test_payment.py::test_a_declined_payment_leaves_its_row_and_takes_nothing",
    ),
    # one event of 500 that the store refuses
    10: (
        "races/test_batches.py::test_text_that_the_store_refuses_parks_its_own_event_and_499_go_on",
        "http/test_trouble.py::test_a_row_that_the_store_refuses_fails_its_own_request_only",
        "simulation/mutants.py::no_savepoint",
    ),
    # cancel, expiry or failure while a delivery is parked
    11: (
        "races/test_parked.py::test_a_failure_undoes_at_once_although_an_earlier_delivery_waits",
        (
            "races/test_parked.py::test_a_delivery_parked_in_the_batch_that_drains_its_line"
            "_is_no_orphan"
        ),
        "races/test_parked.py::test_a_redelivered_event_is_parked_once_and_announced_as_dead_once",
        "races/test_parked.py::test_without_lines_a_later_delivery_overtakes_one_that_waits",
        "simulation/mutants.py::retries_are_forgotten",
    ),
    # a broker that lost everything; more partitions than before
    12: (
        "kafka/test_refill.py::test_every_saga_ends_on_a_broker_that_knows_nothing_of_it",
        "races/test_worlds.py::test_more_partitions_than_before_and_rewinds_harm_nothing",
        "simulation/mutants.py::no_ledger",
    ),
    # a command from another process; catching up beside new ranges
    13: (
        "conformance/bus/test_bus.py::test_after_a_restart_what_is_not_done_is_delivered_again",
        "races/test_worlds.py::test_an_embedded_process_that_is_killed_at_any_point_skips_nothing",
        "simulation/mutants.py::adopted_lane_is_not_published",
    ),
    # a batch over two storages that aborts after preparing
    14: (
        (
            "postgres/races/test_two_storages.py"
            "::test_a_batch_that_aborts_after_preparing_was_never_published"
        ),
    ),
    # workers over the same hot products
    15: (
        "races/test_lanes.py::test_two_workers_over_the_same_products_both_get_on",
        "races/test_worlds.py::test_two_processes_over_the_same_files_end_every_order",
        "simulation/mutants.py::no_fencing",
    ),
    # a backlog of an hour
    16: (
        "races/test_batches.py::test_a_backlog_of_an_hour_expires_nothing",
        (
            "domains/test_inventory.py::test_due_times_count_from_the_batch"
            "_so_that_a_backlog_does_not_expire_at_once"
        ),
    ),
    # kill -9 while an Idempotency-Key is in flight
    17: (
        (
            "http/test_served.py::test_a_key_whose_process_was_killed_is_answered_by_the_next_one"
            "_with_the_same_id"
        ),
        "http/test_idempotency.py::test_a_key_is_kept_over_a_restart",
    ),
    # the books beside a system under load
    18: (
        "books/test_under_load.py::test_under_load_they_never_cry_wolf",
        "books/test_at_rest.py::test_what_was_moved_by_hand_is_found_and_named",
    ),
    # a void that overtakes its charge
    19: (
        (
            "connectors/test_payment_connector.py::test_a_void_that_overtakes_its_charge"
            "_changes_nothing"
        ),
        "domains/test_payment.py::test_a_charge_approved_after_the_void_comes_back_once",
        "domains/test_payment.py::test_a_declined_payment_followed_by_a_stop_refunds_nothing",
        "simulation/mutants.py::undo_runs_again",
    ),
    # a cancel before its order; a late price
    20: (
        "domains/test_order.py::test_a_cancel_before_its_order_is_refused_and_a_later_one_works",
        "domains/test_order.py::test_a_price_that_arrives_after_a_newer_one_is_ignored",
    ),
    # orders of 100 lines in a batch of 500
    21: (
        (
            "races/test_batches.py::test_orders_of_a_hundred_lines_in_a_full_batch_need_three_passes"
            "_at_most"
        ),
        "domains/test_inventory.py::test_an_order_of_a_hundred_lines_needs_one_pass",
    ),
}


def functions_of(path: Path) -> set[str]:
    """The names of all functions in a file, and of those of other tests that it runs again."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(path.read_text())
    found = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tests."):
            names = {alias.name for alias in node.names}
            there = TESTS.parent.joinpath(*node.module.split(".")).with_suffix(".py")
            found |= functions_of(there) if names == {"*"} else names
    return found


def missing(named: Sequence[str]) -> list[str]:
    """Those of these tests that do not exist."""
    split = [test.split("::") for test in named]
    return [f"{file}::{name}" for file, name in split if name not in functions_of(TESTS / file)]


def without_service(named: Sequence[str]) -> list[str]:
    """Those of these tests that need no real server."""
    return [test for test in named if MARK not in (TESTS / test.split("::")[0]).read_text()]


@pytest.mark.parametrize("race", NUMBERS)
def test_every_race_has_tests_that_exist(race: int) -> None:
    assert RACES.get(race)
    assert missing(RACES[race]) == []


@pytest.mark.parametrize("race", NUMBERS)
def test_every_race_has_tests_on_real_services(race: int) -> None:
    assert ON_SERVICES.get(race)
    assert missing(ON_SERVICES[race]) == []
    assert without_service(ON_SERVICES[race]) == []


def test_a_test_that_does_not_exist_is_noticed() -> None:
    for file in ("races/test_lanes.py", "postgres/races/test_store.py", "postgres/test_refill.py"):
        wrong = (f"{file}::test_that_nobody_wrote",)
        assert missing(wrong) == [*wrong]


def test_a_test_that_needs_no_service_is_noticed() -> None:
    inline = ("races/test_lanes.py::test_published_does_not_pass_a_hole",)
    assert (missing(inline), without_service(inline)) == ([], [*inline])
