"""Reads the Parquet files of a run with four programs, and the same run from JSON Lines with none of them: all five must see the same records.

Usage: tables.py RUN RUN.jsonl. Prints what they agree on: how many records, the hash of all of them, and what the files say of themselves.
"""

import glob
import hashlib
import json
import sys

import duckdb
import pandas
import polars
import pyarrow.parquet

COLUMNS = ["seq", "t_ns", "peer", "cause", "kind", "other", "protocol", "name", "bytes", "why", "operation", "fields", "wire"]
run, lines = sys.argv[1:]
files = sorted(glob.glob(f"{run}/records/*.parquet"))


def plain(value):
    """A value as JSON has it, whatever the program took it for: a missing one may be a float that is no number."""
    if value is None or value is pandas.NA or value != value:
        return None
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, str):
        return value
    assert int(value) == value, value
    return int(value)


def digest(rows):
    """How many rows, and the hash of all of them in the order of their numbers."""
    rows = sorted([plain(value) for value in row] for row in rows)
    return len(rows), hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def from_lines():
    with open(lines, encoding="utf-8") as file:
        next(file)
        for line in file:
            record = json.loads(line)
            record["t_ns"] = int(record["t_ns"])
            if "operation" in record:
                record["protocol"], number = record["operation"].split("#")
                record["operation"] = int(number)
            if "fields" in record:
                start = line.index('"fields":') + len('"fields":')
                record["fields"] = line[start : line.rindex('}', 0, line.rindex("}")) + 1]
            yield [record.get(column) for column in COLUMNS]


def content(rows):
    """Contents as what they say: spelling may differ."""
    at = COLUMNS.index("fields")
    for row in rows:
        row = list(row)
        row[at] = None if plain(row[at]) is None else json.dumps(json.loads(row[at]))
        yield row


table = pyarrow.parquet.read_table(files)
assert table.column_names == COLUMNS, table.column_names
readers = {
    "pyarrow": table.to_pylist(),
    "duckdb": duckdb.sql(f"select {', '.join(COLUMNS)} from '{run}/records/*.parquet'").fetchall(),
    "polars": polars.read_parquet(f"{run}/records/*.parquet").select(COLUMNS).rows(),
    "pandas": pandas.concat(pandas.read_parquet(file) for file in files)[COLUMNS].itertuples(index=False),
    "lines": from_lines(),
}
readers["pyarrow"] = [[row[column] for column in COLUMNS] for row in readers["pyarrow"]]
digests = {name: digest(content(rows)) for name, rows in readers.items()}
assert len(set(digests.values())) == 1, digests

# What stands in the documentation.
targets = duckdb.sql(f"select fields->>'$.target.key' from '{run}/records/*.parquet' where name = 'FIND_NODE' and kind = 'sent' and fields->>'$.target.key' is not null").fetchall()
metadata = pyarrow.parquet.read_metadata(files[0]).metadata[b"peerglass"]
records, hashed = digests["pyarrow"]
print(json.dumps({"records": records, "hash": hashed, "metadata": json.loads(metadata), "targets": len(targets)}))
