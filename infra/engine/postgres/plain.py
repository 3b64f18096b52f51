"""Plain SQL as SQLite reads it, in PostgreSQL's words: one text for both, and no copy of it.

What is understood: `"namespace$table"`, `?`, json_extract(column, '$.name'), json_each(column) with
its `value`, instr(text, part). Question marks within literals are not.
"""

import re
from functools import lru_cache
from itertools import count

_WORDS = (
    (re.compile(r'"(\w+)\$(\w+)"'), r'"\1"."\2"'),
    (re.compile(r"json_extract\(([\w.]+), '\$\.(\w+)'\)"), r"(\1::json ->> '\2')"),
    (re.compile(r"json_each\(([\w.]+)\)"), r"json_array_elements(\1::json)"),
    (re.compile(r"\binstr\("), "strpos("),
)
#: Statements kept; their texts are few, but for lists of keys of any length.
SPOKEN_MAX_COUNT = 256


@lru_cache(SPOKEN_MAX_COUNT)
def spoken(sql: str) -> str:
    """The statement for PostgreSQL."""
    for pattern, instead in _WORDS:
        sql = pattern.sub(instead, sql)
    number = count(1)
    return re.sub(r"\?", lambda _: f"${next(number)}", sql)
