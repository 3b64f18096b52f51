"""What a message is: a frozen, versioned model that knows its wire name, topic, key and saga."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from operator import attrgetter
from string import Formatter
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import from_json, to_json

#: One step of an upcaster: the body of version n as plain JSON data, to that of version n + 1.
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Spec:
    """What one message class declares about itself, read from its class line."""

    wire: str
    domain: str
    name: str
    version: int
    topic: str
    key: Callable[[Any], str]
    saga: Callable[[Any], str]
    subject: Callable[[Any], str]
    identity: tuple[str, ...]
    minted: str | None
    operator: bool


class Message(BaseModel):
    """The root of everything said. Fields are snake_case here and camelCase on the wire.

    Class arguments, all written by hand and never changed:

    - `wire`: the CloudEvents type, `odori.<domain>.<Name>.v<N>`;
    - `saga`: the field that is the saga id, or a template such as `hold:{order_id}`;
    - `key`: the field that is the partition key of the data its next step writes (default: saga);
    - `subject`: the field that is the business id (default: as `saga`);
    - `identity`: the fields that say whether a repeated command is the same one (default: all);
    - `minted`: the id field that intake fills in when the sender left it out;
    - `operator`: only the operator's own tools may send it.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )

    spec: ClassVar[Spec]
    kind: ClassVar[str] = "events"
    upcasters: ClassVar[Mapping[int, Upcaster]] = {}

    def __init_subclass__(cls, **declared: Any) -> None:
        super().__init_subclass__()  # the class arguments are read below, when fields are known

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        wire: str | None = None,
        saga: str | None = None,
        key: str | None = None,
        subject: str | None = None,
        identity: tuple[str, ...] = (),
        minted: str | None = None,
        operator: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if wire is None:
            return
        _, domain, name, version = wire.split(".")
        if saga is None or name != cls.__name__ or not version.startswith("v"):
            raise TypeError(f"{cls.__name__}: needs saga=, and wire= like odori.<domain>.{name}.v1")
        named = (key, subject, minted, *identity, *_names(saga))
        unknown = [n for n in named if n is not None and n not in cls.model_fields]
        if unknown:
            raise TypeError(f"{cls.__name__}: {unknown} named in the class line are not its fields")
        cls.spec = Spec(
            wire=wire,
            domain=domain,
            name=name,
            version=int(version[1:]),
            topic=f"{domain}.{cls.kind}",
            key=_reader(key or saga),
            saga=_reader(saga),
            subject=_reader(subject or saga),
            identity=identity or tuple(cls.model_fields),
            minted=minted,
            operator=operator,
        )

    def payload(self) -> bytes:
        """The body as it goes on the wire: UTF-8 JSON, camelCase, without absent fields."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_none=True)

    @classmethod
    def parse(cls, payload: bytes | str, version: int | None = None) -> Self:
        """The message of this body, upcast from `version`; raises pydantic's ValidationError."""
        if version is None or version == cls.spec.version:
            parsed: Self = cls.__pydantic_validator__.validate_json(payload)
            return parsed
        return cls.model_validate_json(to_json(cls._upcast(payload, version)))

    @classmethod
    def _upcast(cls, payload: bytes | str, version: int) -> dict[str, Any]:
        body: dict[str, Any] = from_json(payload)
        for step in range(version, cls.spec.version):
            body = cls.upcasters[step](body)
        return body

    def digest(self) -> str:
        """A fingerprint of the identity fields; equal for the same command asked twice."""
        fields = self.__dict__
        return blake2b(
            to_json([fields[name] for name in self.spec.identity]), digest_size=16
        ).hexdigest()


class Command(Message):
    """Asks one domain for something; imperative."""

    kind = "commands"


class Event(Message):
    """Says what a domain did; past tense."""


class Refusal(Event):
    """Answers one command with no; undoes nothing."""


class Failure(Message):
    """Ends the saga: every domain that did something for it takes that back."""

    kind = "failures"


class Timer(Message):
    """A domain's note to itself that comes back when it is due; never leaves the domain."""

    kind = "timers"


def _names(template: str) -> list[str]:
    """The fields a template names; a template without braces is a field itself."""
    if "{" not in template:
        return [template]
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def _reader(template: str) -> Callable[[Any], str]:
    if "{" not in template:
        return attrgetter(template)
    names = _names(template)
    return lambda body: template.format_map({name: getattr(body, name) for name in names})
