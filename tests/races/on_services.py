"""Which tests close which race of the design on real servers: Kafka and PostgreSQL."""

#: Race -> tests, as file::name; a file may run tests of another one again.
ON_SERVICES: dict[int, tuple[str, ...]] = {
    # payment away while the reservation runs out; a cancel against arrange
    1: (
        (
            "postgres/races/test_steps.py::test_a_reservation_that_ran_out_while_payment_was_down"
            "_is_neither_charged_nor_shipped"
        ),
        "postgres/races/test_steps.py::test_a_cancel_that_races_the_parcel_has_exactly_one_winner",
    ),
    # a charge whose answer is lost
    2: (
        (
            "postgres/test_connectors.py::test_an_answer_that_was_lost_is_charged_once_and_never"
            "_taken_for_declined"
        ),
        (
            "postgres/test_connectors.py::test_a_process_that_is_killed_between_attempt_and_answer"
            "_charges_once"
        ),
        (
            "postgres/test_connectors.py::test_a_charge_whose_answer_comes_after_the_orders_end_is"
            "_paid_back_once"
        ),
        "postgres/races/test_steps.py::test_a_void_whose_charge_never_happened_ends_voided",
    ),
    # a lane's stopped owner wakes up
    3: (
        (
            "postgres/test_processes.py::test_a_process_that_was_stopped_writes_nothing_more_in"
            "_the_lanes_that_were_adopted"
        ),
        (
            "postgres/races/test_store.py::test_a_stale_owner_writes_nothing_more_in_its_lane_and"
            "_loses_nothing"
        ),
        (
            "postgres/races/test_store.py::test_without_the_fence_a_stale_owner_writes_into_a"
            "_retired_lane"
        ),
    ),
    # a connection lost during COMMIT; a send that leaves a hole
    4: (
        (
            "postgres/races/test_store.py::test_a_commit_whose_answer_is_lost_is_found_and"
            "_announced_once"
        ),
        (
            "postgres/races/test_store.py::test_when_nobody_can_be_asked_the_batch_runs_again_and"
            "_its_announcements_go_out"
        ),
        "postgres/races/test_store.py::test_published_does_not_pass_a_hole",
        "postgres/test_trouble.py::test_a_server_that_dies_and_comes_back_costs_no_order",
        "kafka/test_broker.py::test_a_record_that_is_refused_stops_its_lane_without_a_gap",
    ),
    # kill -9 between arrival and commit
    5: (
        "kafka/test_group.py::test_a_member_killed_between_poll_and_done_leaves_all_to_the_next",
        "kafka/test_group.py::test_offsets_committed_never_pass_a_record_that_is_not_done",
        "postgres/test_northwind.py::test_killed_again_and_again_over_kafka",
    ),
    # two events of a batch on one row, one of which needs another row first
    6: (
        (
            "postgres/races/test_steps.py::test_two_orders_of_one_batch_are_both_counted_and_never"
            "_oversold"
        ),
        (
            "postgres/races/test_store.py::test_the_same_order_in_one_batch_with_another_body"
            "_leaves_the_first_untouched"
        ),
    ),
    # a failure overtakes its forward event
    7: (
        (
            "postgres/races/test_store.py::test_a_failure_that_overtakes_its_event_while_that"
            "_commits_leaves_nothing_held"
        ),
        "postgres/races/test_steps.py::test_a_failure_that_overtakes_its_order_leaves_nothing_held",
        (
            "postgres/races/test_steps.py::test_a_failure_right_behind_its_order_in_one_batch"
            "_releases_it"
        ),
    ),
    # a hold, an order and another body under one id
    8: (
        "postgres/races/test_holds.py::test_a_hold_and_its_order_in_one_batch_keep_stock_once",
        (
            "postgres/races/test_steps.py::test_the_same_order_id_with_another_body_clashes_and"
            "_the_first_is_untouched"
        ),
        (
            "postgres/races/test_store.py::test_a_providers_answer_repeated_with_another_timestamp"
            "_is_dropped"
        ),
    ),
    # refused cancels and declined payments leave what they should
    9: (
        "postgres/races/test_steps.py::test_a_refused_cancel_of_a_shipped_order_leaves_it_shipped",
        "postgres/races/test_steps.py::test_a_declined_payment_leaves_its_row_and_takes_nothing",
    ),
    # one event of 500 that the store refuses
    10: (
        (
            "postgres/races/test_store.py::test_text_that_the_store_refuses_parks_its_own_event"
            "_and_499_go_on"
        ),
        "postgres/test_requests.py::test_a_row_that_the_store_refuses_fails_its_own_request_only",
    ),
    # cancel, expiry or failure while a delivery is parked
    11: (
        (
            "postgres/races/test_store.py::test_a_failure_undoes_at_once_although_an_earlier"
            "_delivery_waits"
        ),
        "postgres/races/test_store.py::test_a_cancel_does_not_wait_behind_what_is_parked",
        (
            "postgres/races/test_store.py::test_a_delivery_parked_in_the_batch_that_drains_its"
            "_line_is_no_orphan"
        ),
        (
            "postgres/races/test_store.py::test_a_redelivered_event_is_parked_once_and_announced"
            "_as_dead_once"
        ),
        (
            "postgres/races/test_store.py::test_without_lines_a_later_delivery_overtakes_one_that"
            "_waits"
        ),
    ),
    # a broker that lost everything, and one with more partitions instead
    12: ("postgres/test_refill.py::test_every_saga_ends_on_a_broker_that_knows_nothing_of_it",),
    # a command from another process; catching up beside new ranges
    13: (
        (
            "postgres/test_requests.py::test_a_command_that_another_process_published_is_seen"
            "_within_a_second"
        ),
        (
            "e2e/test_foreign_clients.py::test_others_commands_dance_and_what_is_unreadable_is"
            "_dead_and_told"
        ),
        "postgres/test_northwind.py::test_killed_again_and_again_on_the_embedded_bus",
    ),
    # a batch over two storages that aborts after preparing
    14: (
        (
            "postgres/races/test_two_storages.py::test_a_batch_that_aborts_after_preparing_was"
            "_never_published"
        ),
        (
            "postgres/races/test_two_storages.py::test_a_batch_that_somebody_aborted_after"
            "_preparing_runs_again_and_is_published_once"
        ),
    ),
    # workers over the same hot products
    15: (
        "postgres/races/test_hot.py::test_workers_over_the_same_hot_products_all_get_on",
        "postgres/races/test_hot.py::test_a_deadlock_with_another_program_is_one_more_conflict",
        "postgres/races/test_store.py::test_two_workers_over_the_same_products_both_get_on",
    ),
    # a backlog of an hour
    16: (
        "postgres/races/test_store.py::test_a_backlog_of_an_hour_expires_nothing",
        (
            "postgres/races/test_steps.py::test_due_times_count_from_the_batch_so_that_a_backlog"
            "_does_not_expire_at_once"
        ),
    ),
    # kill -9 while an Idempotency-Key is in flight
    17: ("postgres/test_requests.py::test_a_key_in_flight_when_the_process_dies_is_answered_once",),
    # the books beside a system under load
    18: (
        "postgres/test_books.py::test_under_load_they_never_cry_wolf",
        "postgres/test_books.py::test_what_was_moved_by_hand_is_found_and_named",
    ),
    # a void that overtakes its charge
    19: (
        "postgres/test_connectors.py::test_a_void_that_overtakes_its_charge_changes_nothing",
        "postgres/races/test_steps.py::test_a_charge_approved_after_the_void_comes_back_once",
        "postgres/races/test_steps.py::test_a_declined_payment_followed_by_a_stop_refunds_nothing",
    ),
    # a cancel before its order; a late price
    20: (
        (
            "postgres/races/test_steps.py::test_a_cancel_before_its_order_is_refused_and_a_later"
            "_one_works"
        ),
        "postgres/races/test_steps.py::test_a_price_that_arrives_after_a_newer_one_is_ignored",
    ),
    # orders of 100 lines in a batch of 500
    21: (
        (
            "postgres/races/test_store.py::test_orders_of_a_hundred_lines_in_a_full_batch_need"
            "_three_passes_at_most"
        ),
        "postgres/races/test_steps.py::test_an_order_of_a_hundred_lines_needs_one_pass",
    ),
}
