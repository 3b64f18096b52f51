"""What goes wrong here is meant to; the log would say nothing else."""

import logging

from infra.observe import log_to
from tests.races.desk import every_desk_is_closed

__all__ = ["every_desk_is_closed"]

log_to(level=logging.CRITICAL)
