"""The functions on strings; characters are Unicode code points."""

from domain.cel.regex import compiled
from domain.cel.values import no_overload


def text_contains(text: object, part: object) -> bool:
    """Return whether *part* occurs in *text*."""
    if isinstance(text, str) and isinstance(part, str):
        return part in text
    raise no_overload("contains", text, part)


def starts_with(text: object, prefix: object) -> bool:
    """Return whether *text* begins with *prefix*."""
    if isinstance(text, str) and isinstance(prefix, str):
        return text.startswith(prefix)
    raise no_overload("startsWith", text, prefix)


def ends_with(text: object, suffix: object) -> bool:
    """Return whether *text* ends with *suffix*."""
    if isinstance(text, str) and isinstance(suffix, str):
        return text.endswith(suffix)
    raise no_overload("endsWith", text, suffix)


def matches(text: object, pattern: object) -> bool:
    """Return whether the regular expression *pattern* matches anywhere in *text*."""
    if isinstance(text, str) and isinstance(pattern, str):
        return compiled(pattern).found_in(text)
    raise no_overload("matches", text, pattern)
