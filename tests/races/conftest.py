"""What goes wrong here is meant to; the log would say nothing else."""

import logging

from infra.observe import log_to

log_to(level=logging.CRITICAL)
