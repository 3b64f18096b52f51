"""Shipments: the pivot of every order, where parcels are, who carries them, and where not."""

from domains.domain import Domain

domain = Domain("shipping")
