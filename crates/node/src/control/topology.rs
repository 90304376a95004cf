//! Routing table and connections as node-link JSON, which networkx opens (`node_link_graph`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::node::{ContactInfo, PeerInfo, Status};

/// The node in the middle, whom it knows and whom it is connected to.
pub(super) fn of(me: PeerInfo, status: &Status, contacts: &[ContactInfo]) -> Value {
    let mut nodes = BTreeMap::new();
    let mut edges = Vec::new();
    let id = me.id.to_string();
    let known = contacts.iter().map(|contact| &contact.peer).chain([&me]);
    let described = known.map(|PeerInfo { id, addresses }| (id.to_string(), addresses.iter().map(ToString::to_string).collect::<Vec<_>>()));
    nodes.extend(described);
    edges.extend(
        contacts.iter().map(|contact| json!({ "source": id, "target": contact.peer.id.to_string(), "key": "contact", "bucket": contact.bucket })),
    );
    for (peer, connections) in &status.peers {
        nodes.entry(peer.to_string()).or_default();
        for (i, connection) in connections.iter().enumerate() {
            let key = format!("connection {i}");
            let (address, dialled, seconds) = (connection.address.to_string(), connection.dialled, connection.for_the_last.as_secs_f64());
            edges.push(json!({ "source": id, "target": peer.to_string(), "key": key, "address": address, "dialled": dialled, "seconds": seconds }));
        }
    }
    let nodes: Vec<Value> = nodes.iter().map(|(peer, addresses)| json!({ "id": peer, "addresses": addresses, "me": *peer == id })).collect();
    json!({ "directed": true, "multigraph": true, "graph": { "network": status.network.to_string() }, "nodes": nodes, "edges": edges })
}
