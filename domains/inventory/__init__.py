"""Stock: what there is, what is reserved or held, what has left; never more than there is."""

from domains.domain import Domain

domain = Domain("inventory")
