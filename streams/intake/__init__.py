"""The HTTP side: commands in, reads out, and what tools ask of a service."""
