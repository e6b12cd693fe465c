"""The Hub on loopback does what the real one's client expects of it, and its faults arrive."""

from __future__ import annotations

from pathlib import Path

import tiny_model
from hub_client import LoopbackHub

ROUND_TRIP = """
import pathlib, sys
from huggingface_hub import HfApi, snapshot_download
api, (folder, repo_id) = HfApi(), sys.argv[1:]
api.create_repo(repo_id, exist_ok=True)
api.create_repo(repo_id, exist_ok=True)
commit = api.upload_folder(repo_id=repo_id, folder_path=folder)
api.create_tag(repo_id, tag="v1", revision=commit.oid)
assert [tag.target_commit for tag in api.list_repo_refs(repo_id).tags] == [commit.oid]
fetched = pathlib.Path(snapshot_download(repo_id, revision="v1"))
assert fetched.name == commit.oid
for path in pathlib.Path(folder).rglob("*"):
    if path.is_file():
        assert (fetched / path.relative_to(folder)).read_bytes() == path.read_bytes(), path
print(api.whoami()["name"])
"""


def test_a_folder_comes_back_as_it_was_uploaded(hub: LoopbackHub, tmp_path: Path) -> None:
    folder = tiny_model.write(tmp_path / "model", rows=1000)
    for i in range(60):  # more than a page of a listing
        (folder / f"{i}.txt").write_text(str(i))
    assert hub.python(ROUND_TRIP, str(folder), "org/round-trip", HF_TOKEN="hf_secret") == "org\n"


def test_big_files_come_from_another_host_which_never_sees_the_token(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.serve("org/private", tiny_model.write(tmp_path / "model"), token="hf_secret")
    code = "from huggingface_hub import snapshot_download; snapshot_download('org/private')"
    assert "RepositoryNotFound" in hub.run("-c", code).stderr
    hub.python(code, HF_TOKEN="hf_secret")
    hosts = {entry["host"].partition(":")[0]: entry["token"] for entry in hub.log()}
    assert hosts == {"127.0.0.1": "Bearer hf_secret", "localhost": None}


def test_faults_arrive_and_show_what_the_bare_client_does(hub: LoopbackHub, tmp_path: Path) -> None:
    """The reason for `sincerity.hub`: a damaged body is a success, and nothing is tried twice."""
    faults: dict[str, dict[str, str | int]] = {
        "success": {"kind": "corrupt", "match": "/a/.*json"},
        "success ": {"redirect": "config.json", "match": "/b/.*onnx"},
        "ReadError": {"kind": "reset", "match": "/c/.*json", "method": "GET"},
        "HfHubHTTPError": {"status": 503, "match": "/d/.*json", "method": "GET"},
    }
    code = """
import sys
from huggingface_hub import hf_hub_download
for name, file in zip("abcd", ["config.json", "onnx/model_quantized.onnx", "config.json", "config.json"]):
    try:
        hf_hub_download(f"{name}/model", file)
        print("success")
    except Exception as error:
        print(type(error).__name__)
"""
    folder = tiny_model.write(tmp_path / "model", rows=1000)
    for name, fault in zip("abcd", faults.values(), strict=True):
        hub.serve(f"{name}/model", folder)
        hub.fault(**fault)
    assert hub.python(code).splitlines() == [outcome.strip() for outcome in faults]
