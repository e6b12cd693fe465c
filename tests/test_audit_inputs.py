"""The audit takes every input of the batch job, without options where the input tells."""

from __future__ import annotations

from pathlib import Path

import pytest
import sources

from sincerity import Classifier, audit


@pytest.mark.parametrize("files", [sources.TWITTER_2014, sources.TWITTER_2019, sources.TWITTER_2023])
def test_a_twitter_archive_needs_no_options(classifier: Classifier, tmp_path: Path, files: dict[str, str]) -> None:
    archive = sources.write_zip(tmp_path / "twitter.zip", files)
    found = audit(archive, classifier=classifier)
    assert found.stream.posts > 1
    assert found.stream.first
    assert found.html()


@pytest.mark.parametrize("name", ["MBOX"])
def test_mail_is_a_stream_too(classifier: Classifier, tmp_path: Path, name: str) -> None:
    path = tmp_path / "inbox.mbox"
    path.write_text(getattr(sources, name), "utf-8")
    found = audit(path, classifier=classifier)
    assert found.stream.posts >= 1
    assert found.stream.addressed == 1
