"""What can go wrong, as exceptions.

SincerityError            any of the below: the message names the value, what was expected and the remedy
├── ModelError            a model is missing, incomplete, damaged or made for another version
└── TableError            a table cannot be read, or lacks what was asked for

Values of the wrong type are Python's own TypeError and ValueError.
"""

from __future__ import annotations


class SincerityError(Exception):
    """Base of all errors that this package raises on purpose."""


class ModelError(SincerityError):
    """A model is missing, incomplete, damaged or made for another version."""


class TableError(SincerityError):
    """A table cannot be read, or lacks what was asked for."""
