"""What several test files share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_client import LoopbackHub

from sincerity import Classifier


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """The shipped model."""
    return Classifier.from_pretrained()


@pytest.fixture(scope="session")
def hub_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHub]:
    with LoopbackHub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture
def hub(hub_process: LoopbackHub, tmp_path: Path) -> LoopbackHub:
    """A Hugging Face Hub on loopback without faults, and an empty cache in front of it."""
    hub_process.clear()
    hub_process.home = tmp_path / "home"
    return hub_process
