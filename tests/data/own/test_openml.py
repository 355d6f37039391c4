"""Tables of OpenML, from a server on this machine that answers as openml.org does."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from sklearn.datasets import _openml as client

from maskbench.data.fetched import cache
from maskbench.data.own import openml
from maskbench.errors import ConfigError, DataError

NAN = np.nan
ARFF = """% a table
@relation toy
@attribute row numeric
@attribute size numeric
@attribute 'my kind' {rome,'new york',oslo}
@attribute note string
@attribute level {1,0,2}
@attribute class {1,0}
@data
1,0.5,rome,a,1,1
2,?,'new york',a,0,0
3,2.5,?,b,2,1
4,3.5,oslo,b,1,0
"""
TYPES = {
    "row": "numeric",
    "size": "numeric",
    "my kind": "nominal",
    "note": "string",
    "level": "nominal",
    "class": "nominal",
}


@dataclass
class Server:
    """What is answered, and what was asked for."""

    arff: str = ARFF
    form: str = "ARFF"
    md5: str = ""
    target: str | None = "class"
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def answer(self, path: str) -> tuple[int, str]:
        """Status and body."""
        found = re.fullmatch(r"/api/v1/json/data/(features/|qualities/)?7", path)
        if path == "/toy.arff":
            return 200, self.arff
        if path.lower() == "/api/v1/json/data/list/data_name/toy/limit/2/data_version/3":
            return 200, json.dumps({"data": {"dataset": [{"did": 7, "name": "toy", "version": 3, "status": "active"}]}})
        if not found:
            return 412, json.dumps({"error": {"code": "111", "message": "Unknown dataset"}})
        return 200, json.dumps({None: self.about, "features/": self.features, "qualities/": self.qualities}[found[1]]())

    def about(self) -> dict[str, object]:
        """The description."""
        about = {
            "id": "7",
            "name": "Toy",
            "version": "3",
            "status": "active",
            "format": self.form,
            "description": "",
            "url": f"http://127.0.0.1:{self.port}/toy.arff",
            "md5_checksum": self.md5 or hashlib.md5(self.arff.encode()).hexdigest(),
        }
        return {"data_set_description": about | ({"default_target_attribute": self.target} if self.target else {})}

    def features(self) -> dict[str, object]:
        """The columns."""
        no = {"is_target": "false", "is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
        columns = [
            {"index": str(n), "name": name, "data_type": kind} | no for n, (name, kind) in enumerate(TYPES.items())
        ]
        columns[0]["is_row_identifier"] = "true"
        columns[-1] |= {"is_target": "true", "number_of_missing_values": str(self.arff.count(",?\n"))}
        return {"data_features": {"feature": columns}}

    def qualities(self) -> dict[str, object]:
        """The counts."""
        return {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "4.0"}]}}


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[Server]:
    """An OpenML on this machine, and an empty cache."""
    answers = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked.append(self.path)
            status, body = answers.answer(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        answers.port = running.server_port
        for name in ("_SEARCH_NAME", "_DATA_INFO", "_DATA_FEATURES", "_DATA_QUALITIES"):
            address = getattr(client, name).replace("https://www.openml.org", f"http://127.0.0.1:{answers.port}")
            monkeypatch.setattr(client, name, address)
        monkeypatch.setenv(cache.FOLDER, str(tmp_path))
        monkeypatch.delenv(cache.OFFLINE, raising=False)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield answers
        running.shutdown()
        thread.join()


def test_a_table_by_its_id(server):
    found = openml.table(id=7)
    assert found.columns == ("size", "my kind", "note", "level")
    assert found.description.features.levels == (0, 3, 2, 3)
    expected = [[0.5, 2, 0, 1], [NAN, 0, 0, 0], [2.5, NAN, 1, 2], [3.5, 1, 1, 1]]  # new york, oslo, rome; a, b; 0, 1, 2
    np.testing.assert_array_equal(found.inputs, np.array(expected, np.float32))
    assert (found.targets.tolist(), found.classes) == ([1, 0, 1, 0], ("0", "1"))
    assert found.origin == f"openml: id 7 Toy version 3 md5:{hashlib.md5(ARFF.encode()).hexdigest()}"
    assert found.description.name == "7"


def test_a_table_by_name_and_version_is_the_same(server):
    named = openml.table(dataset="Toy", version=3)
    assert named.description.name == "toy-3"
    assert named.fingerprint == openml.table(id=7).fingerprint


def test_what_was_fetched_is_read_from_the_cache(server, tmp_path, monkeypatch):
    first = openml.table(id=7)
    asked = len(server.asked)
    assert asked == 4
    monkeypatch.setenv(cache.OFFLINE, "1")
    assert openml.table(id=7).fingerprint == first.fingerprint
    assert openml.table(id=7).origin == first.origin
    assert len(server.asked) == asked
    assert [path.name for path in (tmp_path / "openml").iterdir()] == ["7.parquet"]


def test_the_roles_of_columns_are_the_users(server):
    found = openml.table(id=7, target="size", drop=["note"], categorical=["class"], drop_missing_target=True)
    assert found.description.task == "regression"
    assert found.targets.tolist() == [0.5, 2.5, 3.5]
    assert found.columns == ("my kind", "level", "class")
    with pytest.raises(DataError, match=r"data\.target: openml 7 has no column 'klass'\. Did you mean 'class'\?"):
        openml.table(id=7, target="klass")


@pytest.mark.parametrize("target", [None, "", "class,level"])
def test_without_a_single_target_of_its_own_one_has_to_be_given(server, target):
    server.target = target
    with pytest.raises(
        ConfigError, match=r"data\.target is not given; name the column to predict\. openml 7 has 'size'"
    ):
        openml.table(id=7)
    assert openml.table(id=7, target="class").classes == ("0", "1")


def test_gaps_in_the_target_are_the_users_to_drop(server):
    server.arff = ARFF.replace(",2,1\n", ",2,?\n")
    with pytest.raises(DataError, match=r"target 'class' of openml 7 is missing in 1 of 4 rows, first row 3"):
        openml.table(id=7)
    assert openml.table(id=7, drop_missing_target=True, categorical=["my kind"]).targets.tolist() == [1, 0, 0]


def test_offline_nothing_is_asked(server, monkeypatch, tmp_path):
    monkeypatch.setenv(cache.OFFLINE, "1")
    with pytest.raises(DataError, match=rf"openml 7 is not in {tmp_path}/openml, and MASKBENCH_OFFLINE is set"):
        openml.table(id=7)
    assert server.asked == []


def sparse(server: Server) -> None:
    server.form = "Sparse_ARFF"


def cut(server: Server) -> None:
    server.md5 = "0" * 32


def broken(server: Server) -> None:
    server.arff = ARFF.replace("rome,a", "paris,a")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(sparse, "Sparse ARFF"), (cut, "md5 checksum"), (broken, "paris")],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_cannot_be_read_leaves_nothing_behind(server, tmp_path, spoil, message):
    spoil(server)
    with pytest.raises(DataError, match=rf"openml 7 cannot be fetched: .*{message}") as caught:
        openml.table(id=7)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "openml").iterdir()) == []


def test_an_unknown_id(server):
    with pytest.raises(DataError, match=r"openml 8 cannot be fetched: OpenMLError Dataset with data_id 8 not found"):
        openml.table(id=8)
    with pytest.raises(
        DataError, match=r"openml toy-4 cannot be fetched: OpenMLError Dataset toy with version 4 not found"
    ):
        openml.table(dataset="toy", version=4)


def test_a_server_that_is_not_there(server, monkeypatch, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(client, "_DATA_INFO", f"http://127.0.0.1:{port}/{{}}")
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
    with pytest.raises(
        DataError, match=r"openml 7 cannot be fetched: .*; mend data\.id or data\.dataset, or try later"
    ):
        openml.table(id=7)
    assert list((tmp_path / "openml").iterdir()) == []


def test_a_server_that_says_nothing_is_given_up(server, monkeypatch):
    monkeypatch.setattr(openml, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
    before = socket.getdefaulttimeout()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        monkeypatch.setattr(client, "_DATA_INFO", f"http://127.0.0.1:{deaf.getsockname()[1]}/{{}}")
        with pytest.raises(DataError, match=r"openml 7 cannot be fetched: .*timed out"):
            openml.table(id=7)
    assert socket.getdefaulttimeout() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"data=openml takes data\.id=NUMBER, or data\.dataset=NAME and data\.version=NUMBER"),
        ({"id": 7, "dataset": "toy"}, "and not both"),
        ({"id": "../7"}, r"data\.id is a number, not '\.\./7'"),
        ({"dataset": "toy", "version": "active"}, r"data\.version is a number, not 'active'"),
        ({"dataset": "toy"}, r"data\.version is not given; versions of 'toy' may differ"),
        ({"dataset": "../toy", "version": 1}, r"data\.dataset='\.\./toy' is no name on OpenML"),
        ({"dataset": "toy house", "version": 1}, "is no name on OpenML"),
    ],
)
def test_settings_that_name_no_table(server, settings, message):
    with pytest.raises(ConfigError, match=message):
        openml.table(**settings)
    assert server.asked == []
