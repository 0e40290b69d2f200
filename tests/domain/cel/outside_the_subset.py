"""Conformance cases that the subset leaves out on purpose: key and reason."""

_CHECKED = (
    "names, functions and operand types are checked when a model is loaded, so what this case meets"
    " at run time is a finding that stops the model from being published"
)
_MICROSECONDS = "instants and durations have microseconds; finer digits are cut off when read"
_LONG_DURATIONS = (
    "the case expects the 292 years that nanoseconds allow; durations here reach 10,000 years, as"
    " the specification says, so any two instants can be subtracted"
)
_DOTTED = "a root name has no dots: `a.b` cannot be bound beside `a.b.c`"

_RESERVED_METHODS = (
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
)

OUTSIDE = {
    "basic/variables/unbound_is_runtime_error": _CHECKED,
    "basic/functions/unbound_is_runtime_error": _CHECKED,
    "logic/AND/short_circuit_type_left": _CHECKED,
    "logic/AND/short_circuit_type_right": _CHECKED,
    "logic/OR/short_circuit_type_left": _CHECKED,
    "logic/OR/short_circuit_type_right": _CHECKED,
    **{f"parse/receiver_function_names/{name}": _CHECKED for name in _RESERVED_METHODS},
    "fields/qualified_identifier_resolution/qualified_identifier_resolution_unchecked": _DOTTED,
    "fields/qualified_identifier_resolution/ident_with_longest_prefix_check": _DOTTED,
    "timestamps/timestamp_conversions/toString_timestamp_nanos": _MICROSECONDS,
    "timestamps/timestamp_arithmetic/add_time_to_duration_nanos_negative": _MICROSECONDS,
    "timestamps/timestamp_arithmetic/add_time_to_duration_nanos_positive": _MICROSECONDS,
    "timestamps/timestamp_range/add_duration_nanos_over": _MICROSECONDS,
    "timestamps/timestamp_range/add_duration_nanos_under": _MICROSECONDS,
    "timestamps/timestamp_range/sub_time_duration_over": _LONG_DURATIONS,
    "timestamps/timestamp_range/sub_time_duration_under": _LONG_DURATIONS,
}
