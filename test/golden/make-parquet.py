"""Writes the Parquet files of test/golden/parquet: a few rows in the shapes that the hub's data sets have.

Every text in them was written for this project. Needs pyarrow:

    python test/golden/make-parquet.py

RepoBench's shape with each compression that Parquet writers use, row groups of two rows, CRLF and odd line
ends inside strings; three of its rows once more as writers with other habits leave them (writers/); Long Code Arena's shape with its snapshot as parallel lists, in both spellings of its
first category.
"""

import datetime
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

OUT = Path(__file__).parent / "parquet"


def repobench_row(n: int) -> dict:
    return {
        "repo_name": "someone/garden",
        "file_path": f"garden/bed{n}.py",
        "context": [
            {"identifier": "Plant", "path": "garden/plant.py", "snippet": "class Plant:\n    height = 1"},
            {"identifier": "water", "path": "garden/hose.py", "snippet": "def water(bed):\r\n    return bed"},
        ],
        "import_statement": "from garden.plant import Plant\nfrom garden.hose import water",
        "token_num": 700 + n,
        "cropped_code": f"def grow{n}():\n    plant = Plant()\f  \n\n",
        "all_code": "from garden.plant import Plant\n",
        "next_line": f"    return water(plant, {n}) # \u2028 \U0001f331",
        "gold_snippet_index": n % 2,
        "created_at": "2023-11-0" + str(1 + n),
        "level": ["2k", "4k", "8k"][n % 3],
    }


REPOBENCH = pa.schema(
    [
        ("repo_name", pa.string()),
        ("file_path", pa.string()),
        (
            "context",
            pa.list_(
                pa.struct([("identifier", pa.string()), ("path", pa.string()), ("snippet", pa.string())])
            ),
        ),
        ("import_statement", pa.string()),
        ("token_num", pa.int64()),
        ("cropped_code", pa.string()),
        ("all_code", pa.string()),
        ("next_line", pa.string()),
        ("gold_snippet_index", pa.int64()),
        ("created_at", pa.string()),
        ("level", pa.string()),
    ]
)

NUMBERS = pa.list_(pa.int32())


def lca_schema(first: str) -> pa.Schema:
    kinds = [first, "common", "inproject", "infile", "non_informative", "random"]
    return pa.schema(
        [
            ("repo", pa.string()),
            ("commit_hash", pa.string()),
            ("completion_file", pa.struct([("filename", pa.string()), ("content", pa.string())])),
            ("completion_lines", pa.struct([(kind, NUMBERS) for kind in kinds])),
            (
                "repo_snapshot",
                pa.struct([("filename", pa.list_(pa.string())), ("content", pa.list_(pa.string()))]),
            ),
        ]
    )


def lca_row(first: str, n: int) -> dict:
    return {
        "repo": "someone__orchard",
        "commit_hash": f"{n}0123456789abcdef0123456789abcdef0123456",
        "completion_file": {
            "filename": "orchard/tree.py",
            "content": f"from orchard.leaf import Leaf\n\n\ndef tree{n}():\r\n    leaf = Leaf()\n    return leaf",
        },
        "completion_lines": {
            first: [4],
            "common": [],
            "inproject": None,
            "infile": [5],
            "non_informative": [0],
            "random": [4, 4],
        },
        "repo_snapshot": {
            "filename": ["orchard/leaf.py", "README.md", "orchard/empty.py"],
            "content": [f"class Leaf:\r\n    size = {n}\n", "# Orchard", None],
        },
    }


def large(schema: pa.Schema) -> pa.Schema:
    """The same schema with the types of polars and of newer versions of `datasets`."""
    field = pa.struct([(name, pa.large_string()) for name in ("identifier", "path", "snippet")])
    types = {"context": pa.large_list(field)}
    return pa.schema(
        [(f.name, pa.large_string() if f.type == pa.string() else types.get(f.name, f.type)) for f in schema]
    )


def write_writers(folder: Path) -> None:
    table = pa.Table.from_pylist([repobench_row(n) for n in range(3)], schema=REPOBENCH)
    days = pa.array([datetime.datetime(2023, 11, 1 + n) for n in range(3)], pa.timestamp("us"))
    typed = table.set_column(9, "created_at", days).set_column(10, "level", table["level"].dictionary_encode())
    delta = {"repo_name": "DELTA_BYTE_ARRAY", "cropped_code": "DELTA_LENGTH_BYTE_ARRAY", "token_num": "DELTA_BINARY_PACKED"}
    for name, (rows, options) in {
        "brotli": (table, {"compression": "brotli"}),
        "lz4": (table, {"compression": "lz4"}),
        "none": (table, {"compression": "none"}),
        "pages-v2": (table, {"data_page_version": "2.0", "compression": "zstd"}),
        "no-dictionary": (table, {"use_dictionary": False}),
        "delta": (table, {"use_dictionary": False, "column_encoding": delta}),
        "small-pages": (table, {"data_page_size": 64, "write_page_index": True}),
        "checksums": (table, {"write_page_checksum": True}),
        "large-types": (table.cast(large(REPOBENCH)), {}),
        "typed": (typed, {}),
    }.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, folder / name / "cross_file_first-00000-of-00001.parquet", **options)
    (folder / "empty").mkdir(exist_ok=True)
    pq.write_table(table.slice(0, 0), folder / "empty" / "cross_file_first-00000-of-00001.parquet")


def main() -> None:
    OUT.mkdir(exist_ok=True)
    splits = {"cross_file_first": "snappy", "cross_file_random": "zstd", "in_file": "gzip"}
    for split, compression in splits.items():
        table = pa.Table.from_pylist([repobench_row(n) for n in range(3)], schema=REPOBENCH)
        name = f"{split}-00000-of-00001.parquet"
        pq.write_table(table, OUT / "repobench" / name, compression=compression, row_group_size=2)
    for first, name in [("committed", "new"), ("commited", "old")]:
        table = pa.Table.from_pylist([lca_row(first, n) for n in range(3)], schema=lca_schema(first))
        pq.write_table(table, OUT / f"lca-{name}.parquet", row_group_size=2)
    write_writers(OUT / "writers")
    broken = pa.table({"repo_name": ["a/b"], "file_path": ["a.py"], "next_line": [7]})
    pq.write_table(broken, OUT / "unknown.parquet")
    rows = [repobench_row(0), {**repobench_row(1), "next_line": None}]
    pq.write_table(pa.Table.from_pylist(rows, schema=REPOBENCH), OUT / "null-field.parquet")


if __name__ == "__main__":
    (OUT / "repobench").mkdir(parents=True, exist_ok=True)
    sys.exit(main())
