"""The labels, in the order of the model's outputs."""

from __future__ import annotations

from enum import StrEnum


class Label(StrEnum):
    """Who is speaking to whom, and what for (`data/GUIDELINES.md`)."""

    CONVERSATIONAL = "conversational"
    """A person wrote it for these readers, this time."""

    PROMOTIONAL = "promotional"
    """It exists to make readers buy, click, attend, vote, follow, or think well of somebody's own cause."""

    AUTOMATED = "automated"
    """The output of a machine or a fixed form, not composed for this occasion."""
