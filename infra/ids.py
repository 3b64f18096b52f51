"""Random ids, at a tenth of the price of asking the kernel each time."""

import os
from random import Random

#: Seeded once from the kernel with more bits than an id has; ids need to differ, not to be secret.
_random = Random(int.from_bytes(os.urandom(64)))


def random_uuid() -> str:
    """A version 4 UUID (RFC 9562) as text."""
    digits = f"{_random.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def random_bits(count: int) -> int:
    """A random number below two to the power of `count`."""
    return _random.getrandbits(count)
