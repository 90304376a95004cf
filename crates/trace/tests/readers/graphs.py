"""Opens the graphs of a run with networkx and Graphviz, and holds them against what DuckDB makes of the run's records by itself.

Usage: graphs.py RUN RUN.graphml RUN.gexf RUN.json RUN.dot
"""

import json
import subprocess
import sys

import duckdb
import networkx

run, graphml, gexf, node_link, dot = sys.argv[1:]

# Who knows whom at the end, by the steps of the records: an admission that was not followed by an eviction, nor by the fall of who knows.
known, asleep, up, blocks = {}, {}, {}, {}
rows = duckdb.sql(f"select kind, peer, other, name from '{run}/records/*.parquet' where kind in ('up', 'down', 'step') order by seq").fetchall()
for kind, peer, other, name in rows:
    if kind == "up":
        up[peer] = True
    elif kind == "down":
        up[peer] = False
        asleep[peer] = known.pop(peer, set())
    elif name in ("admit", "replace"):
        known.setdefault(peer, set()).add(other)
    elif name == "evict":
        known.get(peer, set()).discard(other)
    elif name == "resume":
        known[peer] = asleep.pop(peer, set())
    elif name == "block":
        blocks[(f"p{other}", f"p{peer}")] = blocks.get((f"p{other}", f"p{peer}"), 0) + 1
contacts = {(f"p{peer}", f"p{other}") for peer, others in known.items() for other in others}
nodes = {f"p{peer}": is_up for peer, is_up in up.items()}


def check(name, graph, kind_of):
    """The same nodes, and the same links of each kind."""
    found = {}
    for source, target, key, data in graph.edges(keys=True, data=True):
        found.setdefault(kind_of(key, data), set()).add((source, target))
    assert found["contact"] == contacts, (name, len(found["contact"]), len(contacts))
    assert found.get("transfer", set()) == set(blocks), name
    assert set(nodes) <= set(graph.nodes), name


graph = networkx.read_graphml(graphml, force_multigraph=True)
check("graphml", graph, lambda key, data: data["kind"])
assert {node: data["up"] for node, data in graph.nodes(data=True) if node in nodes} == nodes
assert {(a, b): data["blocks"] for a, b, data in graph.edges(data=True) if data["kind"] == "transfer"} == blocks
assert all(data["betweenness"] >= 0 for node, data in graph.nodes(data=True) if nodes.get(node))
degrees = {node: data["contacts"] for node, data in graph.nodes(data=True) if node in nodes}
assert degrees == {node: len([1 for source, _ in contacts if source == node]) for node in nodes}
# Our betweenness is networkx's own, on the peers that are up.
alive = networkx.DiGraph([(a, b) for a, b in contacts if nodes[a] and nodes.get(b)])
theirs = networkx.betweenness_centrality(alive, normalized=False)
ours = {node: data["betweenness"] for node, data in graph.nodes(data=True) if "betweenness" in data}
assert all(abs(theirs.get(node, 0) - paths) < 1e-6 * max(1, paths) for node, paths in ours.items())

with open(node_link, encoding="utf-8") as file:
    document = json.load(file)
graph = networkx.node_link_graph(document, edges="edges")
check("node-link", graph, lambda key, data: key)
assert {node: data["up"] for node, data in graph.nodes(data=True) if node in nodes} == nodes
assert all(len(data["key"]) == 64 for _, data in graph.nodes(data=True))

# GEXF holds the whole run: of the links that are there at the end one spell ends with it.
graph = networkx.read_gexf(gexf)
end = max(float(spell[1]) for _, data in graph.nodes(data=True) for spell in data.get("spells", []))
last = {}
for source, target, data in graph.edges(data=True):
    spells = data["spells"]
    assert all(float(start) <= float(stop) for start, stop in spells), (source, target, spells)
    if data["kind"] == "contact" and float(spells[-1][1]) == end:
        last[(source, target)] = spells
assert contacts <= set(last), "who is known at the end has an open spell"
# At most those that ended at that very moment are more.
assert len(last) - len(contacts) <= 5, (len(last), len(contacts))

drawn = json.loads(subprocess.run(["dot", "-Ksfdp", "-Tjson0", dot], capture_output=True, check=True, text=True).stdout)
names = [node["name"] for node in drawn["objects"]]
edges = {(names[edge["tail"]], names[edge["head"]]) for edge in drawn["edges"] if edge.get("color") != "blue"}
assert edges == contacts, (len(edges), len(contacts))

print(json.dumps({"nodes": len(nodes), "up": sum(nodes.values()), "contacts": len(contacts), "transfers": len(blocks)}))
