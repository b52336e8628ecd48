"""Datasets of clients' spans: named as OpenLineage names them, never guessed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partywall.datasets import Access, operation, tables, touched

PG = {"db.system.name": "postgresql", "server.address": "crm", "db.namespace": "acme|public"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            PG | {"server.port": 6432, "db.collection.name": "bills",
             "db.operation.name": "SELECT"},
            [("postgres://crm:6432/acme.public.bills", "read")],
        ),
        (PG | {"db.collection.name": "public.bills"},
         [("postgres://crm:5432/acme.public.bills", "read")]),
        (PG, [("postgres://crm:5432/acme.public", "read")]),
        (
            PG | {"db.query.text": "INSERT INTO a.b (x) SELECT y FROM c"},
            [("postgres://crm:5432/acme.a.b", "write"),
             ("postgres://crm:5432/acme.public.c", "read")],
        ),
        (
            {"db.system": "mysql", "net.peer.name": "h", "db.name": "d",
             "db.statement": "DELETE FROM `t`"},
            [("mysql://h:3306/d.t", "delete")],
        ),
        (
            {"db.system": "mongodb", "server.address": "m", "db.name": "d",
             "db.mongodb.collection": "c",
             "db.operation": "find"},
            [("mongodb://m:27017/d.c", "read")],
        ),
        (
            {"db.system.name": "qdrant", "server.address": "v", "server.port": 6333,
             "db.collection.name": "notes", "db.operation.name": "upsert"},
            [("qdrant://v:6333/notes", "write")],
        ),
        ({"aws.s3.bucket": "b", "aws.s3.key": "k/x", "rpc.method": "PutObject"},
         [("s3://b/k/x", "write")]),
        ({"aws.s3.bucket": "b", "rpc.method": "ListObjectsV2"}, [("s3://b", "list")]),
        ({"aws.s3.bucket": "b", "rpc.method": "PutBucketPolicy"}, [("s3://b", "admin")]),
        (
            {"aws.s3.bucket": "b", "aws.s3.key": "k", "aws.s3.copy_source": "/a/o%20x",
             "rpc.method": "CopyObject"},
            [("s3://b/k", "write"), ("s3://a/o x", "read")],
        ),
        ({"gcs.bucket": "b", "gcs.object": "o", "rpc.method": "DeleteObject"},
         [("gs://b/o", "delete")]),
        (
            {"url.full": "https://storage.googleapis.com/storage/v1/b/bk/o/a%2Fb?alt=media",
             "http.request.method": "GET"},
            [("gs://bk/a/b", "read")],
        ),
        (
            {"http.url": "https://bk.s3.eu-west-1.amazonaws.com/k", "http.method": "PUT"},
            [("s3://bk/k", "write")],
        ),
        (
            {"url.full": "https://user:pw@API.example.com:8443/v1?token=x",
             "http.request.method": "DELETE"},
            [("https://api.example.com:8443", "delete")],
        ),
        ({"file.path": "/srv/acme/a.txt"}, [("file:///srv/acme/a.txt", "read")]),
        (
            {"mcp.resource.uri": "postgres://crm/acme", "mcp.method.name": "resources/read"},
            [("postgres://crm/acme", "read")],
        ),
        ({"url.full": "ftp://x/y"}, []),
        ({"url.full": "http://[bad"}, []),
        ({"http.route": "/x"}, []),
    ],
)  # fmt: skip
def test_a_span_says_what_it_touched(said: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert touched(said).accesses == tuple(Access(*access) for access in expected)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select 1", []),
        ("SELECT * FROM a, b", [("a", "read")]),
        ("SELECT * FROM a JOIN s.b ON true LEFT JOIN \"C\" USING (x)",
         [("a", "read"), ("s.b", "read"), ("C", "read")]),
        ("WITH x AS (SELECT * FROM a) SELECT * FROM x", [("a", "read")]),
        ("SELECT 'FROM secret' -- FROM other\nFROM a /* FROM b */", [("a", "read")]),
        ("SELECT * FROM unnest(x)", []),
        ("UPDATE a SET x = 1 FROM b", [("a", "write"), ("b", "read")]),
        ("TRUNCATE TABLE a", [("a", "delete")]),
        ("DROP TABLE IF EXISTS a.b", [("a.b", "admin")]),
        ("SELECT * FROM a; DELETE FROM a", [("a", "delete")]),
        ("merge into a using b", [("a", "write")]),
    ],
)  # fmt: skip
def test_a_simple_statement_names_its_tables(
    statement: str, expected: list[tuple[str, str]]
) -> None:
    assert tables(statement) == expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("GetObject", "read"),
        ("DeleteObjects", "delete"),
        ("ListBuckets", "list"),
        ("hset", "write"),
        ("select * from a", "read"),
        ("CREATE INDEX", "admin"),
        ("frobnicate", ""),
        ("", ""),
    ],
)
def test_an_action_says_what_it_does(action: str, expected: str) -> None:
    assert operation(action) == expected


def test_only_a_request_with_a_body_has_a_party() -> None:
    """Fetching is a dataset; the host that is sent something is somebody."""

    def host(method: str, url: str = "https://api.example.com/v1") -> str:
        return touched({"url.full": url, "http.request.method": method}).host

    assert (host("POST"), host("PUT")) == ("api.example.com",) * 2
    assert (host("GET"), host("DELETE")) == ("", "")
    assert (host("POST", "http://127.0.0.1:8000/"), host("POST", "http://localhost/")) == ("", "")


NAMES = st.sampled_from(
    [
        "db.system.name",
        "db.namespace",
        "db.query.text",
        "server.address",
        "server.port",
        "url.full",
        "http.request.method",
        "aws.s3.bucket",
        "aws.s3.copy_source",
        "rpc.method",
        "file.path",
    ]
)


@given(st.dictionaries(NAMES, st.text() | st.integers() | st.lists(st.text()) | st.booleans()))
def test_no_value_of_an_attribute_breaks_it(said: dict[str, Any]) -> None:
    """Attributes hold whatever somebody put there."""
    for access in touched(said).accesses:
        assert len(access.dataset) <= 1024
