"""A Kafka and a PostgreSQL that talk TLS only to whoever knows a password."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.kafka import Kafka
from tests.services.postgres import Postgres, unprivileged
from tests.services.process import free_ports, started

NAME = "shopkeeper"
#: With what URLs, properties and shells stumble over.
PASSWORD = "q7 #é/@$p%41"
_PEOPLE = "local all all trust\nhost all odori 127.0.0.1/32 trust\n"
_OTHERS = f"hostssl all {NAME} 127.0.0.1/32 scram-sha-256\n"


def certify(folder: Path) -> tuple[Path, Path, Path]:
    """An authority's certificate, and those of 127.0.0.1 by it: certificate and key, both PEM."""
    authority, known = folder / "ca.pem", folder / "ca.key"
    server, key = folder / "server.pem", folder / "server.key"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    _quietly(*new, "-subj", "/CN=Odori's tests", "-keyout", known, "-out", authority)
    _quietly(
        *new, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-addext", "basicConstraints=critical,CA:false", "-keyout", key, "-out", server,
        "-CA", authority, "-CAkey", known,
    )  # fmt: skip
    return authority, server, key


def _quietly(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


class SecuredKafka(Kafka):
    """One node; `secured` is where clients come in, by SCRAM-SHA-512 over TLS."""

    name = "Kafka over TLS and SASL"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.secured = f"127.0.0.1:{free_ports(1)[0]}"
        self.authority, certificate, key = certify(folder)
        both = folder / "keystore.pem"
        both.write_text(key.read_text() + certificate.read_text())
        said = self._settings.read_text()
        for line in ("listeners", "advertised.listeners"):
            said = said.replace(f"\n{line}=", f"\n{line}=SASL_SSL://{self.secured},")
        said = said.replace(".map=", ".map=SASL_SSL:SASL_SSL,")
        said += (
            f"ssl.keystore.type=PEM\nssl.keystore.location={both}\n"
            "sasl.enabled.mechanisms=SCRAM-SHA-512\n"
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config="
            "org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
        )
        self._settings.write_text(said)
        self.formatting += ("--add-scram", f'SCRAM-SHA-512=[name={NAME},password="{PASSWORD}"]')


class SecuredPostgres(Postgres):
    """One cluster; the database `shop` is its only account's, by SCRAM over TLS."""

    name = "PostgreSQL over TLS"

    def __init__(self, folder: Path) -> None:
        self.authority, certificate, key = certify(folder)
        people = folder / "pg_hba.conf"
        people.write_text(_PEOPLE + _OTHERS)
        super().__init__(
            folder,
            settings={
                "ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(key),
                "hba_file": str(people),
            },
        )  # fmt: skip
        if os.geteuid() == 0:
            for file in (key, people):
                os.chown(file, *(unprivileged() or (-1, -1)))


@contextmanager
def secured_kafka() -> Iterator[SecuredKafka]:
    with started(SecuredKafka) as server:
        yield server


@contextmanager
def secured_postgres() -> Iterator[SecuredPostgres]:
    with started(SecuredPostgres) as server:
        yield server
