"""`odori up` and `odori publish` over a real Kafka."""

from pathlib import Path

import pytest

from tests.cli.conftest import SMALL, told, up

pytestmark = pytest.mark.service


def test_northwind_dances_over_kafka_whichever_way_it_comes_in(
    kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODORI_KAFKA", kafka)
    with up(tmp_path) as said:
        assert kafka in said[0]
        http = told("publish", "northwind", *SMALL, "--data", tmp_path)
        bus = told(
            "publish", "northwind", *SMALL, "--prefix", "K", "--via", "bus", "--data", tmp_path
        )
    for one in (http, bus):
        assert one["orders"] == 40
        assert one["notEnded"] == 0
        assert one["existedAlready"] == 0
        assert one["confirmed"] > 10
        assert one["compensations"]["order.place"] == sum(one["cancelled"].values()) > 0
