//! A [`Topology`] in the formats of graph tools: GraphML, DOT and node-link JSON as it is at one time, GEXF with all that came and went.
//!
//! | format | opened by |
//! |---|---|
//! | GraphML | networkx, Gephi, yEd, igraph |
//! | GEXF 1.3, with spells | Gephi's timeline, networkx |
//! | DOT | Graphviz; `layout=sfdp` is set above 200 nodes, where `dot` would take minutes |
//! | node-link JSON | networkx (`edges`), D3 |
//!
//! Nodes are called `p7`. They carry whether they are up and since when, how many they know, and where they sit in the key space if that is known; links carry their
//! kind, since when they are there, and what went over them if it was counted. Every file says which run it is of and of what time. A pair may have a link of each
//! kind, so graphs are multigraphs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use peerglass_core::{Key, Peer, Time};

use super::{Change, Link, Topology, Traffic};
use crate::RunHeader;
use crate::json::put_text;

/// What is drawn, and of which run.
pub struct Drawing<'a> {
    /// The topology.
    pub topology: &'a Topology,
    /// The run.
    pub header: &'a RunHeader,
    /// Where peers sit in the key space, if it is known.
    pub key: Option<&'a dyn Fn(Peer) -> Key>,
    /// How many shortest paths go through each peer, if that was computed.
    pub betweenness: Option<&'a BTreeMap<Peer, f64>>,
}

/// A link, as all formats tell it.
struct Edge {
    kind: Link,
    from: Peer,
    to: Peer,
    since: Time,
    traffic: Traffic,
    /// Of a transfer.
    blocks: u64,
}

impl Link {
    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Link::Contact => "contact",
            Link::Connection => "connection",
            Link::Transfer => "transfer",
        }
    }
}

impl Drawing<'_> {
    fn edges(&self) -> impl Iterator<Item = Edge> {
        let edge = |kind, from, to, since| Edge { kind, from, to, since, traffic: self.topology.traffic(from, to), blocks: 0 };
        let peers = self.topology.peers().iter().enumerate().map(|(peer, node)| (Peer(peer as u32), node));
        let contacts =
            peers.flat_map(move |(from, node)| node.contacts.iter().map(move |contact| edge(Link::Contact, from, contact.peer, contact.since)));
        let connections = self.topology.connections().map(move |(one, other, since)| edge(Link::Connection, one, other, since));
        let transfers = self.topology.transfers();
        let transfers = transfers.map(move |(from, to, transfer)| Edge { blocks: transfer.blocks, ..edge(Link::Transfer, from, to, transfer.since) });
        contacts.chain(connections).chain(transfers)
    }

    /// Peers that a record or a link tells of.
    fn nodes(&self) -> Vec<Peer> {
        let peers = self.topology.peers();
        let mut nodes: Vec<Peer> = (0..peers.len() as u32).map(Peer).filter(|peer| peers[peer.index()].known).collect();
        nodes.extend(self.edges().flat_map(|edge| [edge.from, edge.to]));
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// What a node says that it is, and how many paths go through it, as far as either is known.
    fn extras(&self, peer: Peer) -> (Option<&str>, Option<f64>) {
        let role = self.topology.peers().get(peer.index()).and_then(|node| node.role.as_deref());
        (role, self.betweenness.and_then(|all| all.get(&peer)).copied())
    }

    /// Whether a node is up, since when, and how many it knows.
    fn state(&self, peer: Peer) -> (bool, Time, usize) {
        self.topology.peers().get(peer.index()).map_or((false, Time::ZERO, 0), |node| (node.up, node.since, node.contacts.len()))
    }

    fn title(&self) -> String {
        format!("{} at {} s", self.header.to_json(), self.topology.now().as_secs_f64())
    }

    /// GraphML.
    ///
    /// # Errors
    ///
    /// When `out` does not take it.
    pub fn graphml(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- {} -->", comment(&self.title()))?;
        writeln!(out, "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">")?;
        for (id, what, kind) in [
            ("up", "node", "boolean"),
            ("since_ns", "node", "long"),
            ("contacts", "node", "int"),
            ("key", "node", "string"),
            ("role", "node", "string"),
            ("betweenness", "node", "double"),
            ("kind", "edge", "string"),
            ("begun_ns", "edge", "long"),
            ("messages", "edge", "long"),
            ("bytes", "edge", "long"),
            ("blocks", "edge", "long"),
        ] {
            writeln!(out, "  <key id=\"{id}\" for=\"{what}\" attr.name=\"{id}\" attr.type=\"{kind}\"/>")?;
        }
        writeln!(out, "  <graph id=\"topology\" edgedefault=\"directed\">")?;
        for peer in self.nodes() {
            let (up, since, contacts) = self.state(peer);
            write!(out, "    <node id=\"{peer}\"><data key=\"up\">{up}</data><data key=\"since_ns\">{}</data>", since.as_nanos())?;
            let key = self.key.map_or_else(String::new, |key| format!("<data key=\"key\">{}</data>", key(peer)));
            let (role, betweenness) = self.extras(peer);
            // A role is a word of ours in every run that we wrote, and anybody's in others.
            let role = role.map_or_else(String::new, |role| format!("<data key=\"role\">{}</data>", escaped(role)));
            let betweenness = betweenness.map_or_else(String::new, |count| format!("<data key=\"betweenness\">{count}</data>"));
            writeln!(out, "<data key=\"contacts\">{contacts}</data>{key}{role}{betweenness}</node>")?;
        }
        for (id, edge) in self.edges().enumerate() {
            let Edge { kind, from, to, since, traffic, blocks } = edge;
            write!(out, "    <edge id=\"e{id}\" source=\"{from}\" target=\"{to}\"><data key=\"kind\">{}</data>", kind.name())?;
            write!(out, "<data key=\"begun_ns\">{}</data>", since.as_nanos())?;
            let blocks = if blocks > 0 { format!("<data key=\"blocks\">{blocks}</data>") } else { String::new() };
            writeln!(out, "<data key=\"messages\">{}</data><data key=\"bytes\">{}</data>{blocks}</edge>", traffic.messages, traffic.bytes)?;
        }
        writeln!(out, "  </graph>\n</graphml>")
    }

    /// Graphviz.
    ///
    /// # Errors
    ///
    /// When `out` does not take it.
    pub fn dot(&self, out: &mut impl Write) -> io::Result<()> {
        let nodes = self.nodes();
        writeln!(out, "// {}", self.title())?;
        writeln!(out, "digraph topology {{")?;
        if nodes.len() > 200 {
            writeln!(out, "  layout=sfdp; overlap=prism;")?;
        }
        for peer in &nodes {
            let style = if self.state(*peer).0 { "" } else { " [style=dashed]" };
            writeln!(out, "  \"{peer}\"{style};")?;
        }
        for Edge { kind, from, to, .. } in self.edges() {
            let style = match kind {
                Link::Contact => "",
                Link::Connection => " [dir=none, style=bold]",
                Link::Transfer => " [color=blue]",
            };
            writeln!(out, "  \"{from}\" -> \"{to}\"{style};")?;
        }
        writeln!(out, "}}")
    }

    /// Node-link JSON, as networkx reads and writes it.
    ///
    /// # Errors
    ///
    /// When `out` does not take it.
    pub fn node_link(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{{\"directed\":true,\"multigraph\":true,\"graph\":{{\"run\":{},", self.header.to_json())?;
        write!(out, "\"t_ns\":\"{}\"}},\"nodes\":[", self.topology.now().as_nanos())?;
        for (i, peer) in self.nodes().into_iter().enumerate() {
            let (up, since, contacts) = self.state(peer);
            let key = self.key.map_or_else(String::new, |key| format!(",\"key\":{}", quoted(&key(peer).to_string())));
            let between = if i > 0 { "," } else { "" };
            let (role, betweenness) = self.extras(peer);
            let role = role.map_or_else(String::new, |role| format!(",\"role\":{}", quoted(role)));
            let betweenness = betweenness.map_or_else(String::new, |count| format!(",\"betweenness\":{count}"));
            write!(
                out,
                "{between}\n{{\"id\":\"{peer}\",\"up\":{up},\"since_ns\":\"{}\",\"contacts\":{contacts}{key}{role}{betweenness}}}",
                since.as_nanos()
            )?;
        }
        write!(out, "],\"edges\":[")?;
        for (i, edge) in self.edges().enumerate() {
            let Edge { kind, from, to, since, traffic: Traffic { messages, bytes }, blocks } = edge;
            let between = if i > 0 { "," } else { "" };
            write!(out, "{between}\n{{\"source\":\"{from}\",\"target\":\"{to}\",\"key\":\"{}\",\"begun_ns\":\"{}\",", kind.name(), since.as_nanos())?;
            let blocks = if blocks > 0 { format!(",\"blocks\":{blocks}") } else { String::new() };
            write!(out, "\"messages\":{messages},\"bytes\":{bytes}{blocks}}}")?;
        }
        writeln!(out, "]}}")
    }
}

fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    put_text(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}

/// A text that can stand between tags.
fn escaped(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect::<String>().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text that can stand in an XML comment: without two hyphens in a row, and without what XML cannot hold.
fn comment(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect::<String>().replace("--", "- -").replace("--", "- -")
}

/// Who was there and who knew whom, and when.
#[derive(Clone, Debug, Default)]
pub struct History {
    peers: BTreeMap<Peer, Vec<Spell>>,
    links: BTreeMap<(Peer, Peer, u8), Vec<Spell>>,
    end: Time,
}

/// A stretch of time; one that has not ended has no end.
type Spell = (Time, Option<Time>);

impl History {
    /// Nothing happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes down a change; `topology` is as it is after it.
    pub fn add(&mut self, change: Change, topology: &Topology) {
        let now = topology.now();
        self.end = now;
        match change {
            Change::Up(peer) => self.peers.entry(peer).or_default().push((now, None)),
            Change::Down(peer, _) => {
                end(self.peers.get_mut(&peer), now);
                let contacts = (peer, Peer(0), Link::Contact as u8)..=(peer, Peer(u32::MAX), Link::Contact as u8);
                self.links
                    .range_mut(contacts)
                    .filter(|((_, _, kind), _)| *kind == Link::Contact as u8)
                    .for_each(|(_, spells)| end(Some(spells), now));
            }
            Change::Resumed(peer, _) => {
                for contact in topology.peers().get(peer.index()).map_or(&[][..], |node| &node.contacts) {
                    self.links.entry((peer, contact.peer, Link::Contact as u8)).or_default().push((now, None));
                }
            }
            Change::Linked(kind, from, to) => self.links.entry((from, to, kind as u8)).or_default().push((now, None)),
            Change::Unlinked(kind, from, to) => end(self.links.get_mut(&(from, to, kind as u8)), now),
        }
    }

    /// GEXF 1.3, with the spells in seconds.
    ///
    /// # Errors
    ///
    /// When `out` does not take it.
    pub fn gexf(&self, header: &RunHeader, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- {} -->", comment(&header.to_json()))?;
        writeln!(out, "<gexf xmlns=\"http://gexf.net/1.3\" version=\"1.3\">")?;
        writeln!(out, "  <graph defaultedgetype=\"directed\" mode=\"dynamic\" timeformat=\"double\" timerepresentation=\"interval\">")?;
        writeln!(out, "    <attributes class=\"edge\" mode=\"static\"><attribute id=\"0\" title=\"kind\" type=\"string\"/></attributes>")?;
        writeln!(out, "    <nodes>")?;
        let mut nodes: BTreeMap<Peer, &[Spell]> = self.links.keys().flat_map(|(from, to, _)| [(*from, &[][..]), (*to, &[][..])]).collect();
        nodes.extend(self.peers.iter().map(|(peer, spells)| (*peer, spells.as_slice())));
        for (peer, spells) in nodes {
            write!(out, "      <node id=\"{peer}\" label=\"{peer}\">")?;
            self.put_spells(spells, out)?;
            writeln!(out, "</node>")?;
        }
        writeln!(out, "    </nodes>\n    <edges>")?;
        for (id, ((from, to, kind), spells)) in self.links.iter().enumerate() {
            let kinds = [Link::Contact, Link::Connection, Link::Transfer];
            let kind = kinds.into_iter().find(|known| *known as u8 == *kind).unwrap_or(Link::Contact);
            write!(
                out,
                "      <edge id=\"{id}\" source=\"{from}\" target=\"{to}\"><attvalues><attvalue for=\"0\" value=\"{}\"/></attvalues>",
                kind.name()
            )?;
            self.put_spells(spells, out)?;
            writeln!(out, "</edge>")?;
        }
        writeln!(out, "    </edges>\n  </graph>\n</gexf>")
    }

    fn put_spells(&self, spells: &[Spell], out: &mut impl Write) -> io::Result<()> {
        if spells.is_empty() {
            return Ok(());
        }
        write!(out, "<spells>")?;
        for (start, end) in spells {
            write!(out, "<spell start=\"{}\" end=\"{}\"/>", start.as_secs_f64(), end.unwrap_or(self.end).as_secs_f64())?;
        }
        write!(out, "</spells>")
    }
}

/// Ends what is going on.
fn end(spells: Option<&mut Vec<Spell>>, now: Time) {
    if let Some((_, open @ None)) = spells.and_then(|spells| spells.last_mut()) {
        *open = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;

    /// Two peers that know each other and are connected; one of them goes down.
    fn drawn() -> (Topology, History) {
        let (mut topology, mut history) = (Topology::new(), History::new());
        let rows = [
            ("up", 0, None, ""),
            ("up", 1, None, ""),
            ("step", 0, Some(1), "admit"),
            ("step", 1, Some(0), "admit"),
            ("link_up", 0, Some(1), ""),
            ("down", 1, None, ""),
        ];
        for (seq, (kind, peer, other, name)) in rows.into_iter().enumerate() {
            let row = Row {
                seq: seq as u64,
                time: Time::from_millis(500 * seq as u64),
                peer: Peer(peer),
                kind: kind.to_owned(),
                other: other.map(Peer),
                name: Some(name.to_owned()),
                ..Row::default()
            };
            if let Some(change) = topology.add(&row) {
                history.add(change, &topology);
            }
        }
        (topology, history)
    }

    fn written(write: impl FnOnce(&Drawing<'_>, &mut Vec<u8>)) -> String {
        let (topology, _) = drawn();
        let header = RunHeader::sim("--> <evil> & \"co\"", 7);
        let mut out = Vec::new();
        write(&Drawing { topology: &topology, header: &header, key: Some(&|peer| Key::derived(1, peer)), betweenness: None }, &mut out);
        String::from_utf8(out).expect("it is text")
    }

    #[test]
    fn node_link_json_is_json_with_the_links_that_are_left() {
        let text = written(|drawing, out| drawing.node_link(out).unwrap());
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((json["nodes"].as_array().unwrap().len(), json["edges"].as_array().unwrap().len()), (2, 2));
        assert_eq!(
            (&json["nodes"][1]["up"], &json["edges"][0]["target"], &json["graph"]["t_ns"]),
            (&false.into(), &"p1".into(), &"2500000000".into())
        );
    }

    #[test]
    fn xml_comments_and_dot_hold_hostile_titles() {
        let graphml = written(|drawing, out| drawing.graphml(out).unwrap());
        let title = graphml.split("<!--").nth(1).unwrap().split("-->").next().unwrap();
        assert!(!title.contains("--") && title.contains("evil"), "{title}");
        assert_eq!(graphml.matches("<edge ").count(), 2);
        let dot = written(|drawing, out| drawing.dot(out).unwrap());
        assert!(dot.lines().skip(1).all(|line| !line.contains("evil")) && dot.contains("\"p1\" [style=dashed];"), "{dot}");
    }

    #[test]
    fn a_history_knows_when_everything_began_and_ended() {
        let (_, history) = drawn();
        let mut out = Vec::new();
        history.gexf(&RunHeader::sim("x", 1), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("<node id=\"p1\" label=\"p1\"><spells><spell start=\"0.5\" end=\"2.5\"/></spells></node>"), "{text}");
        assert!(text.contains("source=\"p1\" target=\"p0\"><attvalues><attvalue for=\"0\" value=\"contact\"/></attvalues><spells><spell start=\"1.5\" end=\"2.5\"/></spells>"), "{text}");
        assert_eq!(text.matches("<edge ").count(), 3);
    }
}
