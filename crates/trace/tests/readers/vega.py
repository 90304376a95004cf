"""Reads plots as Altair does, which validates them against the schema of Vega-Lite, and draws them with vl-convert.

A plot without its data is drawn empty and without an error, so the marks in the picture are counted: a bar for every row, a line with a corner for every row.
"""

import json
import re
import sys

import altair
import vl_convert


def check(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    # Raises where the schema is broken, and so does drawing it where there are too many rows.
    altair.Chart.from_dict(spec).to_dict()
    assert spec["$schema"] == altair.SCHEMA_URL or spec["$schema"].split("/")[-1].startswith("v6"), spec["$schema"]
    rows = len(spec["data"]["values"])
    assert 0 < rows < altair.data_transformers.options.get("max_rows", 5000), rows
    svg = vl_convert.vegalite_to_svg(spec)
    marks = re.search(r'<g class="mark-(rect|line) role-mark marks".*?</g>', svg, re.S)
    assert marks, "nothing is drawn"
    drawn = marks.group(0)
    if marks.group(1) == "rect":
        assert drawn.count("<path") == rows, f"{drawn.count('<path')} bars of {rows} rows"
    else:
        # A step goes over first and then up: two lines a row after the first.
        corners = len(re.findall(r"[ML]", drawn)) + len(re.findall(r"[HV]", drawn))
        assert corners >= rows, f"{corners} corners of {rows} rows"
    return f"fine {rows} rows in {len(svg)} characters of SVG"


for name in sys.argv[1:]:
    print(check(name))
