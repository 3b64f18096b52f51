"""Settings of Kafka's clients: what goes together, and what is refused before anything is asked."""

import subprocess
from pathlib import Path

import pytest

from infra.bus.errors import ClientRefused
from infra.bus.kafka.client_settings import client_settings


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A certificate of ours whose key has a password: it is 'sesame'."""
    folder: Path = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "client.pem", folder / "client.key"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:sesame",
            "-days", "2", "-subj", "/CN=shopkeeper", "-keyout", key, "-out", certificate,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return {
        "security_protocol": "SSL", "ssl_certfile": str(certificate), "ssl_keyfile": str(key),
    }  # fmt: skip


@pytest.mark.parametrize("password", [{}, {"ssl_password": "wr0ng"}])
def test_a_locked_key_is_refused_at_once_and_nobody_is_asked_for_its_password(
    locked: dict[str, str], password: dict[str, str]
) -> None:
    with pytest.raises(ClientRefused) as refused:
        client_settings(locked | password)
    assert locked["ssl_keyfile"] in str(refused.value)
    assert "wr0ng" not in str(refused.value)


def test_a_locked_key_is_used_with_its_password(locked: dict[str, str]) -> None:
    told, member = client_settings(locked | {"ssl_password": "sesame"})
    assert told.keys() == {"security_protocol", "ssl_context"}
    assert member == {}


@pytest.mark.parametrize("name", ["ssl_cafile", "sasl_mechanism"])
def test_what_would_be_in_vain_is_refused(name: str) -> None:
    with pytest.raises(ClientRefused, match=f"{name}.* without security_protocol="):
        client_settings({name: "x"})
