"""What README.md says is what the code does."""

import json
import re
import shlex
from dataclasses import MISSING, fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from infra.settings import Settings
from schemas.order import PlaceOrder
from streams.cli import main
from streams.publishing.lines import orders
from streams.skeleton import write
from streams.topology import discover
from tests.docs.readme import ROOT, blocks, console, drawn, rows
from tests.http.house import opened

COMMANDS = console()
#: Programs of others, which README may call.
FOREIGN = {"curl", "kcat", "generate-orders"}
#: README's own example may be a domain here by now; nobody calls one of theirs so.
SAMPLE = "zzsample"
UNITS = {"": 1, "bytes": 1, "KiB": 1024, "MiB": 1024**2}


def parts(command: str) -> list[list[str]]:
    """The words of each program of a pipe."""
    words = shlex.split(command.replace("\\\n", ""), comments=True)
    pipe: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            pipe.append([])
        elif pipe[-1] or not re.match(r"[A-Z_]+=", word):
            pipe[-1].append(word)
    return pipe


def test_the_picture_is_the_one_that_the_code_draws() -> None:
    assert blocks("mermaid") == [drawn()], "redraw it with: make golden"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_line_exists(command: str) -> None:
    for words in parts(command):
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        elif words[0] == ".venv/bin/odori":
            assert_known(words[1:])
        elif words[:2] == [".venv/bin/python", "-m"]:
            assert find_spec(words[2])
        else:
            assert words[0] in FOREIGN


def assert_known(words: list[str]) -> None:
    """The command has help, and the options that are written."""
    found: click.Command = main
    while isinstance(found, click.Group):
        name = words.pop(0)
        command = found.get_command(click.Context(found), name)
        assert command is not None, name
        found = command
    assert CliRunner().invoke(found, ["--help"]).exit_code == 0
    context = click.Context(found)
    options = {name for option in found.params for name in option.opts}
    assert {word for word in words if word.startswith("--")} <= options | set(
        found.get_help_option_names(context)
    )


def sent() -> list[tuple[str, Any]]:
    """The path and the body of what curl sends; after --next it sends once more."""
    calls = [call for c in COMMANDS if "-d" in c for call in c.split("--next")]
    found = [words for call in calls for words in parts(call)]
    paths = [next(w for w in words if w.startswith("http")) for words in found]
    bodies = [json.loads(words[words.index("-d") + 1]) for words in found]
    return [
        (p.removeprefix("http://127.0.0.1:3000"), b) for p, b in zip(paths, bodies, strict=True)
    ]


async def test_what_curl_sends_is_answered_as_said_where_it_is_sent(tmp_path: Path) -> None:
    (place, order), (stop, cancel), (pay_back, refund), by_card, at_once = sent()
    async with opened(tmp_path) as home:
        await home.stock_up(order["items"][0]["productId"])
        wallet = {"customerId": order["customerId"], "currency": "USD", "opening": "100.00"}
        assert (await home.operate("/api/payment/open-wallet", wallet)).status_code == 202
        answer = await home.post(place, order)
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"] == f"/api/orders/{order['orderId']}"
        await home.until("OrderConfirmed", order["orderId"])
        late = await home.post(stop, cancel)
        assert (late.status_code, "CancelRefused" in late.text) == (409, True)
        assert (await home.post(pay_back, refund)).status_code == 403
        answer = await home.operate(pay_back, refund)
        assert answer.status_code == 202, answer.text
        await home.until("PaymentRefunded", order["orderId"])
        assert [(await home.post(*call)).status_code for call in (by_card, at_once)] == [202, 202]
        await home.until("OrderCancelled", by_card[1]["orderId"])


def test_the_lines_of_a_file_that_are_shown_are_orders() -> None:
    [block] = blocks("jsonl")
    wrong: list[str] = []
    lines = block.encode().splitlines()
    assert len(list(orders(lines, "", lambda number, why: wrong.append(why)))) == len(lines) == 2
    assert wrong == []


def test_the_program_for_kafka_makes_a_command_that_is_known() -> None:
    program = next(block for block in blocks("python") if "Producer" in block)
    kcat = next(c for c in COMMANDS if c.startswith("kcat"))
    made: dict[str, dict[str, object]] = {}
    exec(program.partition("producer =")[0].replace("from confluent_kafka", "# "), made)
    order = PlaceOrder.parse(json.dumps(made["order"]))
    assert order.spec.wire == made["headers"]["ce_type"]
    assert f'"{order.spec.topic}"' in program
    assert {"specversion", "id", "source", "type"} <= {
        name.removeprefix("ce_") for name in made["headers"]
    }
    assert f"-t {order.spec.topic}" in kcat
    assert f"ce_type={order.spec.wire}" in kcat
    [file] = blocks("json")
    assert kcat.endswith(" order.json")
    assert file.count("\n") == 1, "from a pipe every line would be a message"
    assert PlaceOrder.parse(file).order_id == parts(kcat)[0][parts(kcat)[0].index("-k") + 1]


def test_the_domain_that_is_shown_is_the_one_that_is_written(tmp_path: Path) -> None:
    (tmp_path / "compensations").mkdir()
    (tmp_path / "domains").mkdir()
    table = "compensations/table.py"
    (tmp_path / table).write_text((ROOT / table).read_text())
    _, line = write(SAMPLE, tmp_path)
    steps = (tmp_path / "domains" / SAMPLE / "steps.py").read_text()
    shown = [
        block.replace("loyalty", SAMPLE).replace("Loyalty", SAMPLE.capitalize())
        for block in blocks("python")
        if "Producer" not in block
    ]
    assert shown[0] in steps
    assert shown[1].strip() == line


def test_every_setting_is_there_with_its_default() -> None:
    shown = {row[0].strip("`"): row[1].strip("`") for row in rows("variable")}
    assert shown.pop("ODORI_KAFKA_<NAME>") == ""
    there = {
        f"ODORI_{f.name.upper()}": "" if f.default == () else str(f.default)
        for f in fields(Settings)
        if f.default is not MISSING
    }
    assert shown == there


@pytest.mark.parametrize("row", rows("limit"), ids=lambda row: row[0])
def test_every_limit_is_the_constant_that_it_names(row: list[str]) -> None:
    number, _, unit = row[1].partition(" ")
    file, name = row[2].split()
    module = import_module(file.removesuffix(".py").replace("/", "."))
    assert int(number.replace(",", "")) * UNITS[unit] == getattr(module, name)


def test_every_step_is_in_the_picture() -> None:
    [picture] = blocks("mermaid")
    for part in discover().parts.values():
        assert all(f"{part.name}_{name}[" in picture for name in part.domain.steps)
