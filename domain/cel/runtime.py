"""The names that generated conditions call, and what evaluating one may raise."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.cel import containers, conversions, instants, logic, macros, numbers, strings
from domain.cel.logic import ERRORS
from domain.cel.values import POISON, Duration, Timestamp, TypeValue, Uint

__all__ = ["ERRORS", "GLOBALS"]


def _boxed_timestamp(value: object) -> object:
    return Timestamp(value) if value.__class__ is int else value


def _boxed_duration(value: object) -> object:
    return Duration(value) if value.__class__ is int else value


GLOBALS: Final[Mapping[str, object]] = MappingProxyType(
    {
        "_cel_add": numbers.add,
        "_cel_subtract": numbers.subtract,
        "_cel_multiply": numbers.multiply,
        "_cel_divide": numbers.divide,
        "_cel_modulo": numbers.modulo,
        "_cel_negate": numbers.negate,
        "_cel_less": numbers.less,
        "_cel_less_or_equal": numbers.less_or_equal,
        "_cel_greater": numbers.greater,
        "_cel_greater_or_equal": numbers.greater_or_equal,
        "_cel_out_of_range": numbers.out_of_range,
        "_cel_equal": containers.equal,
        "_cel_not_equal": containers.not_equal,
        "_cel_contains": containers.contains,
        "_cel_index": containers.index,
        "_cel_select": containers.select,
        "_cel_has": containers.has,
        "_cel_size": containers.size,
        "_cel_new_map": containers.new_map,
        "_cel_boolean": logic.boolean,
        "_cel_invert": logic.invert,
        "_cel_quiet": logic.quiet,
        "_cel_refuse": logic.refuse,
        "_cel_new_list": logic.new_list,
        "_cel_every": macros.every,
        "_cel_some": macros.some,
        "_cel_exactly_one": macros.exactly_one,
        "_cel_kept": macros.kept,
        "_cel_mapped": macros.mapped,
        "_cel_mapped_where": macros.mapped_where,
        "_cel_to_bool": conversions.to_bool,
        "_cel_to_bytes": conversions.to_bytes,
        "_cel_to_double": conversions.to_double,
        "_cel_to_duration": conversions.to_duration,
        "_cel_to_dyn": conversions.to_dyn,
        "_cel_to_int": conversions.to_int,
        "_cel_to_string": conversions.to_string,
        "_cel_to_timestamp": conversions.to_timestamp,
        "_cel_to_uint": conversions.to_uint,
        "_cel_type_of": conversions.type_of,
        "_cel_text_contains": strings.text_contains,
        "_cel_starts_with": strings.starts_with,
        "_cel_ends_with": strings.ends_with,
        "_cel_matches": strings.matches,
        "_cel_boxed_timestamp": _boxed_timestamp,
        "_cel_boxed_duration": _boxed_duration,
        "_cel_type": TypeValue,
        "_cel_uint": Uint,
        "_cel_poison": POISON,
        "_cel_int": int,
        "_cel_float": float,
    }
    | {f"_cel_{name}": instants.field_of(name) for name in sorted(instants.FIELDS)}
)
"""The globals of generated source; all names begin with `_cel_`, and none leads to builtins."""
