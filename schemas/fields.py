"""The field types that messages share: ids, quantities, money, items and addresses."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
)
from pydantic.alias_generators import to_camel

from schemas.money import DIGITS, to_minor

#: What the sagas begin with that are not an order's; a test compares it with the schemas.
SAGA_PREFIXES = ("destination:", "hold:", "product:", "wallet:")
#: Characters; long enough for every id scheme in use, short enough for every key column.
ID_MAX_CHARS = 128
#: Characters of a line of free text.
TEXT_MAX_CHARS = 500
#: Lines of one order; more is a bulk import, not an order.
ITEMS_MAX_COUNT = 100
#: Units of one line; keeps every sum inside 64 bits.
QUANTITY_MAX_UNITS = 1_000_000_000


M = TypeVar("M", bound=BaseModel)
_new, _set = object.__new__, object.__setattr__
_UNTOLD: set[str] = set()


def built(model: type[M], fields: dict[str, Any]) -> M:
    """A frozen model of values that were validated before; all fields, nothing is checked again.

    For what is made thousands of times a second: it takes a third of the time.
    """
    if len(fields) != len(model.__pydantic_fields__):
        raise TypeError(f"{model.__name__}: {fields.keys() ^ model.__pydantic_fields__.keys()}")
    made = _new(model)
    _set(made, "__dict__", fields)
    _set(made, "__pydantic_fields_set__", _UNTOLD)
    _set(made, "__pydantic_extra__", None)
    _set(made, "__pydantic_private__", None)
    return made


def _no_other_saga(order_id: str) -> str:
    if order_id.startswith(SAGA_PREFIXES):
        raise ValueError(f"must not begin with one of {', '.join(SAGA_PREFIXES)}")
    return order_id


def _known(currency: str) -> str:
    if currency not in DIGITS:
        raise ValueError('must be an ISO 4217 currency code, such as "USD"')
    return currency


def fitting(amount: str, info: ValidationInfo) -> str:
    """The amount, if its digits are those of the `currency` before it in the message."""
    if "currency" in info.data:
        try:
            to_minor(amount, info.data["currency"])
        except ValueError as error:
            raise ValueError(f"must fit its currency: {error}") from None
    return amount


def _something(amount: str) -> str:
    if not amount.strip("0."):
        raise ValueError('must be more than nothing, such as "12.30"')
    return amount


#: Neither control characters (C0, DEL, C1: a terminal would obey them) nor blanks alone.
_PLAIN = r"[^\x00-\x1f\x7f-\x9f]"
_VISIBLE = r"[^\s\x00-\x1f\x7f-\x9f]"
_ID = f"^{_PLAIN}*{_VISIBLE}{_PLAIN}*$"
Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_MAX_CHARS, pattern=_ID)]
#: An order's id is its saga, so that it must not look like the saga of something else.
OrderId = Annotated[Id, AfterValidator(_no_other_saga)]
#: An id that a step made by putting a letter before another id.
DerivedId = Annotated[str, StringConstraints(min_length=1, max_length=ID_MAX_CHARS + 8)]
_TEXT = r"^[^\x00-\x08\x0e-\x1f\x7f-\x9f]*$"
Text = Annotated[str, StringConstraints(max_length=TEXT_MAX_CHARS, pattern=_TEXT)]
Quantity = Annotated[int, Field(gt=0, le=QUANTITY_MAX_UNITS)]
Count = Annotated[int, Field(ge=0, le=QUANTITY_MAX_UNITS)]
Currency = Annotated[str, AfterValidator(_known)]
#: A decimal string such as "12.30"; its digits are checked against the currency beside it.
_AMOUNT = r"^(0|[1-9]\d{0,14})(\.\d{1,4})?$"
Amount = Annotated[str, StringConstraints(pattern=_AMOUNT)]
#: An Amount of a command: its digits fit the field `currency`, which comes before it.
AmountAsked = Annotated[Amount, AfterValidator(fitting)]
#: An AmountAsked that moves money: not nothing.
AmountGiven = Annotated[AmountAsked, AfterValidator(_something)]
PaymentMethod = Literal["wallet", "card"]

#: What each pattern allows, for people.
IN_WORDS = {
    _ID: 'must be one line without control characters, not only blanks, such as "A-1"',
    _TEXT: 'must be text without control characters, such as "Obere Str. 57"',
    _AMOUNT: 'must be a decimal number of 0 or more, plainly written, such as "12.30"',
}


class Part(BaseModel):
    """A piece of a message that is no message itself."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


class ItemAsked(Part):
    """One line as the customer asks for it; price and category are inventory's to say."""

    product_id: Id
    quantity: Quantity


class ItemQuoted(ItemAsked):
    """One line at a price of its own, as only the operator's tools may ask for it."""

    unit_price: Amount


class ItemPriced(ItemAsked):
    """One line as ordered: with the category and the price that hold for this order."""

    category: Id
    unit_price: Amount


class Address(Part):
    """Where to ship; without a prefecture the partition key is the country, explicitly."""

    name: Text = ""
    line1: Text
    city: Text = ""
    prefecture: Id | None = None
    postal_code: Text = ""
    country: Id

    @property
    def partition(self) -> str:
        return self.prefecture or self.country


Items = Annotated[tuple[ItemPriced, ...], Field(min_length=1, max_length=ITEMS_MAX_COUNT)]
ItemsAsked = Annotated[tuple[ItemAsked, ...], Field(min_length=1, max_length=ITEMS_MAX_COUNT)]
ItemsQuoted = Annotated[tuple[ItemQuoted, ...], Field(min_length=1, max_length=ITEMS_MAX_COUNT)]
