"""Model documents: read with every problem named, and written back in one canonical form."""

from domain.document.canonical import model_hash, to_document
from domain.document.problems import ModelError, Problem
from domain.document.reading import parse_model

__all__ = ["ModelError", "Problem", "model_hash", "parse_model", "to_document"]
