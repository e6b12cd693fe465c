"""What several test files share."""

from __future__ import annotations

import pytest

from sincerity import Classifier


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """The shipped model."""
    return Classifier.from_pretrained()
