"""The first look at a document: plain JSON values, few enough and short enough to read closely.

Whatever passes here can be walked without further care: no cycles, no odd keys, no endless text.
"""

from math import isfinite
from typing import Final

from domain.document.problems import ModelError, Problem, Problems, shown

NODES_MAX: Final = 20_000
DEPTH_MAX: Final = 16
TEXT_BYTES_MAX: Final = 8 * 1024


def require_plain(document: object) -> dict[str, object]:
    """Return *document* if it is a bounded mapping of plain JSON values.

    Raises:
        ModelError: It is not; keys that are no text and values that are no JSON are all named.
    """
    if not isinstance(document, dict):
        message = f"expected a mapping with `model:`, `stages:` and more, found {shown(document)}"
        raise ModelError([Problem("", "not_a_mapping", message)])
    problems = Problems()
    waiting: list[tuple[str, object, int]] = [("", document, 0)]
    count = 0
    while waiting:
        path, value, depth = waiting.pop()
        count += 1
        if count + len(waiting) > NODES_MAX:
            message = f"expected at most {NODES_MAX} values in all"
            raise ModelError([*problems.found, Problem("", "too_large", message)])
        if depth > DEPTH_MAX:
            problems.note(path, "too_deep", f"expected at most {DEPTH_MAX} levels of nesting")
            continue
        parts = _parts(path, value, problems)
        waiting.extend((part_path, part, depth + 1) for part_path, part in reversed(parts))
    problems.raise_if_any()
    return document


def _parts(path: str, value: object, problems: Problems) -> list[tuple[str, object]]:
    """Return what lies directly below *value*, and note what is wrong with the value itself."""
    match value:
        case dict():
            return _entries(path, value, problems)
        case list():
            return [(f"{path}[{index}]", part) for index, part in enumerate(value[:NODES_MAX])]
        case str():
            _check_text(path, value, problems)
        case float() if not isfinite(value):
            problems.note(path, "not_json", f"expected a finite number, found {value}")
        case None | bool() | int() | float():
            pass
        case _:
            message = f"expected a JSON value, found a {type(value).__name__}; put it in quotes"
            problems.note(path, "not_json", message)
    return []


def _entries(
    path: str,
    mapping: dict[object, object],
    problems: Problems,
) -> list[tuple[str, object]]:
    entries: list[tuple[str, object]] = []
    for key, part in list(mapping.items())[:NODES_MAX]:
        if isinstance(key, str):
            _check_text(path, key, problems)
            entries.append((f"{path}.{key[:80]}" if path else key[:80], part))
        elif isinstance(key, bool):
            message = (
                f"found the key `{str(key).lower()}` where a name was expected: YAML 1.1 reads the "
                "bare words on, off, yes and no as truth values; write 'on': in quotes, "
                "or read the file as YAML 1.2"
            )
            problems.note(path, "key_not_text", message)
        else:
            message = f"expected keys to be text, found {shown(key)}; put it in quotes"
            problems.note(path, "key_not_text", message)
    return entries


def _check_text(path: str, text: str, problems: Problems) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        problems.note(path, "not_json", "expected text, found a lone surrogate character in it")
        return
    if size > TEXT_BYTES_MAX:
        problems.note(
            path, "too_long", f"expected at most {TEXT_BYTES_MAX} bytes of text, found {size}"
        )
