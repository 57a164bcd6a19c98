"""Take comments and indentation out of the widget's JavaScript when it is served. The readable source stays the only source.

Nothing is renamed or parsed, so nothing can change its meaning: the modules follow three habits that a test checks.
A ``//`` or ``/** */`` comment stands on lines of its own, or ends a line after ``;{},>)``, or is a one-line JSDoc type.
No string or template contains such a thing. Indentation inside a template literal means nothing (it is CSS).
"""

from __future__ import annotations

import re

_BLOCK = re.compile(r"^[ \t]*/\*\*.*?\*/[ \t]*\n", re.MULTILINE | re.DOTALL)
_TYPE = re.compile(r"/\*\* ?@[^\n]*?\*/ ?")
_LINE = re.compile(r"^[ \t]*//[^\n]*\n", re.MULTILINE)
_TRAILING = re.compile(r"(?<=[;{},>)]) // [^\n]*$", re.MULTILINE)
_SPACE = re.compile(r"\n\s+")


def lean(source: str) -> str:
    """Return the same program in about four fifths of the bytes."""
    for noise in (_BLOCK, _LINE, _TYPE, _TRAILING):
        source = noise.sub("", source)
    return _SPACE.sub("\n", source)
