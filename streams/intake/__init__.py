"""The HTTP side: commands in, reads out, and what tools ask of a service."""

from streams.intake.app import create_app

__all__ = ["create_app"]
