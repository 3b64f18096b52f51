"""The order as plain SQL by pgbench, PostgreSQL's own client: what the database could do."""

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench.engines.ours import CUSTOMERS, FIRST, GROWING, PRODUCTS
from tests.services.postgres import Postgres, binaries

_OWN = "tx_id, tx_state, tx_version, tx_prepared_at, tx_committed_at"


def script() -> str:
    """BEGIN, two reads, two updates, four inserts, COMMIT, with the columns that ScalarDB keeps."""
    lines = [f"\\set p random(0, {PRODUCTS - 1})", f"\\set c random(0, {CUSTOMERS - 1})", "BEGIN;"]
    for name, mark in (("stock", ":p"), ("wallet", ":c")):
        lines.append(f"SELECT * FROM {FIRST}.{name} WHERE id = {mark};")
        lines.append(
            f"UPDATE {FIRST}.{name} SET amount = amount - 1, tx_id = 'p', tx_state = 3,"
            f" tx_version = tx_version + 1, tx_prepared_at = 1, tx_committed_at = 1"
            f" WHERE id = {mark};"
        )
    for name in GROWING:
        who, mark = ("product", ":p") if name == "reservation" else ("customer", ":c")
        lines.append(
            f"INSERT INTO {FIRST}.{name}(id, {who}, amount, {_OWN})"
            f" VALUES (gen_random_uuid()::text, {mark}, 1, 'p', 3, 1, 1, 1);"
        )
    return "\n".join([*lines, "COMMIT;", ""])


def order(postgres: Postgres, clients: int, seconds: int) -> dict[str, Any]:
    """A report like the others'; pgbench tells no p99 of its own, so it logs every transaction."""
    found = binaries()
    assert found
    url = urlsplit(postgres.url)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "order.sql").write_text(script())
        command = [str(found / "pgbench"), "-n", "-M", "prepared", "-f", "order.sql", "-l"]
        command += ["-c", str(clients), "-j", "2", "-T", str(seconds + 1)]
        command += ["-h", str(url.hostname), "-p", str(url.port), "-U", str(url.username)]
        command += [url.path.strip("/")]
        said = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        logs = Path(folder).glob("pgbench_log.*")
        times = sorted(int(line.split()[2]) for log in logs for line in log.open())
    rate = re.search(r"tps = ([\d.]+)", said.stdout)
    assert rate
    return {
        "transactions": len(times),
        "seconds": float(seconds),
        "per_second": float(rate[1]),
        "p50_ms": times[len(times) // 2] / 1_000,
        "p99_ms": times[int((len(times) - 1) * 0.99)] / 1_000,
        "conflicts": 0,
    }
