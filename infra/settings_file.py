"""odori.toml: the same settings as the ODORI_* variables, in a file; variables win over it."""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from infra.settings import Settings, SettingsError

#: Read from the working directory where ODORI_CONFIG names no other.
FILE = "odori.toml"
#: The table of what is passed through to the Kafka client.
CLIENT = "kafka_client"


def with_file(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment over what the file says; raises SettingsError, naming file and key."""
    named = environ.get("ODORI_CONFIG")
    path = Path(named or FILE)
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if named:
            raise SettingsError(f"ODORI_CONFIG={named}: there is no such file") from None
        return dict(environ)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    client = found.pop(CLIENT, {})
    if not isinstance(client, dict):
        raise SettingsError(f"{path}: [{CLIENT}] is a table")
    told = {f"ODORI_{key.upper()}": _text(path, key, value) for key, value in found.items()}
    for key in found:
        if key not in Settings.__dataclass_fields__:
            like = get_close_matches(key, Settings.__dataclass_fields__, 1)
            hint = f"; is {like[0]} meant?" if like else ""
            raise SettingsError(f"{path}: {key} is no setting{hint}")
    for key, value in client.items():
        told[f"ODORI_KAFKA_{key.upper()}"] = _text(path, f"{CLIENT}.{key}", value)
    return told | {name: value for name, value in environ.items() if value or name not in told}


def _text(path: Path, key: str, value: object) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise SettingsError(f"{path}: {key} is a text, a whole number or a list of texts")
    return str(value)
