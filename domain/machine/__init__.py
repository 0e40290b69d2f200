"""The machine: a model compiled to Python functions, and the fold they make up.

Read `machine` first (what a machine does), then `handlers` (what an event does), `watches` (how
rules, deadlines and holds are decided), `signals` (how values are kept), `build` (how it is put
together) and `recorder` (how transitions are written down).
"""

from domain.machine.codec import JSON, Form, StateCodecError
from domain.machine.machine import ENGINE, Machine, StageView, Upcoming, compile_model
from domain.machine.start import Start
from domain.machine.state import NEVER, State

__all__ = [
    "ENGINE",
    "JSON",
    "NEVER",
    "Form",
    "Machine",
    "StageView",
    "Start",
    "State",
    "StateCodecError",
    "Upcoming",
    "compile_model",
]
