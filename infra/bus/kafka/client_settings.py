"""Settings of Kafka's clients by their own names, as they come from the environment."""

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.helpers import create_ssl_context

from infra.bus.errors import ClientRefused

SSL_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_password")
#: What only a member of a group has: when it is taken for dead, and how it shows that it is not.
MEMBER_SETTINGS = ("session_timeout_ms", "heartbeat_interval_ms", "max_poll_interval_ms",
                   "rebalance_timeout_ms")  # fmt: skip
#: What is not for the environment: what we give ourselves, and what is no text.
OURS = {"bootstrap_servers", "loop", "sasl_oauth_token_provider", "ssl_context"}


def client_settings(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What every client is told, and what only a member of a group is; files of certificates
    become a context. Raises ClientRefused."""
    told = {name: _value(name, value) for name, value in given.items()}
    files = {name[4:]: told.pop(name) for name in SSL_FILES if name in told}
    protocol = told.get("security_protocol", "PLAINTEXT")
    if "SASL" not in protocol and (vain := [name for name in told if name.startswith("sasl_")]):
        raise ClientRefused(
            f"{vain[0]} means nothing to Kafka's client without security_protocol=SASL_SSL or"
            f" SASL_PLAINTEXT: with {protocol} nobody would log in"
        )
    if "SSL" in protocol:  # without a file: whom the system trusts
        try:
            # without a password OpenSSL would ask the terminal for that of a locked key
            told["ssl_context"] = create_ssl_context(**{"password": "", **files})
        except OSError as error:
            named = ", ".join(f"ssl_{n}={path}" for n, path in files.items() if n != "password")
            raise ClientRefused(f"Kafka's client cannot use {named}: {error}") from error
    elif files:
        raise ClientRefused(
            f"ssl_{next(iter(files))} means nothing to Kafka's client"
            " without security_protocol=SSL or SASL_SSL"
        )
    member = {name: told.pop(name) for name in MEMBER_SETTINGS if name in told}
    return told, member


def _known() -> set[str]:
    """What all of the clients can be told."""
    clients = (AIOKafkaAdminClient, AIOKafkaConsumer, AIOKafkaProducer)
    names = [set(inspect.signature(client).parameters) for client in clients]
    return set.intersection(*names) - OURS | {*SSL_FILES, *MEMBER_SETTINGS}


def _value(name: str, value: Any) -> Any:
    if name not in (known := _known()):
        like = get_close_matches(name, known, 1)
        hint = f"; is {like[0]} meant?" if like else ""
        raise ClientRefused(f"Kafka's client has no setting {name}{hint}")
    if not name.endswith(("_ms", "_bytes")):
        return value
    try:
        return int(value)
    except ValueError:
        raise ClientRefused(f"{name}={value!r}, for Kafka's client, is not a number") from None
