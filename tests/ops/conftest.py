"""The books' fixtures, for what operators do to a data folder."""

from tests.books.conftest import _traded, traded

__all__ = ["_traded", "traded"]
