//! `peerglass topology`: who was there and who knew whom, at a time of a recorded run.

mod series;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use peerglass_core::{Key, Peer, Time};
use peerglass_trace::Source;
use peerglass_trace::topology::draw::{Drawing, History};
use peerglass_trace::topology::graph::{Graph, Measures};
use peerglass_trace::topology::{Link, Topology};
use serde::Serialize;

use crate::args::{GraphFormat, TopologyArgs};
use crate::failure::{Failure, While};
use crate::output::Output;
use crate::recording::{Recorded, filter};

/// From so many nodes at most paths and clustering are measured: a thousand give the mean of a large network to a percent or so.
const SOURCES: usize = 1000;

/// Contacts in a bucket that ideal tables have.
const K: usize = 20;

/// Runs the command.
pub(crate) fn run(args: &TopologyArgs, output: Output) -> Result<(), Failure> {
    let recorded = Recorded::open(&args.run)?;
    let at = args.at.map(|at| Time::ZERO + at.0);
    if let Some(every) = args.every {
        return series::show(&recorded, at, every.0, output);
    }
    let history = args.format == Some(GraphFormat::Gexf);
    // The others do not tell what went over a link.
    let traffic = matches!(args.format, Some(GraphFormat::Graphml | GraphFormat::Json));
    let (topology, history) = follow(&recorded, at, history, traffic)?;
    let betweenness = args.betweenness.map(|_| Between::of(&topology));
    let Some(format) = args.format else {
        show(&topology, &recorded, betweenness.as_ref().zip(args.betweenness), output);
        return Ok(());
    };
    let doing = || args.out.as_ref().map_or_else(|| "write the graph".to_owned(), |path| format!("write {}", path.display()));
    let mut out: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(BufWriter::with_capacity(1 << 20, File::create(path).while_doing(doing)?)),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let key = key_of(&recorded);
    let key = key.as_ref().map(|key| key as &dyn Fn(Peer) -> Key);
    let betweenness = betweenness.as_ref().map(|between| &between.paths);
    let drawing = Drawing { topology: &topology, header: recorded.header(), key, betweenness };
    let written = match format {
        GraphFormat::Graphml => drawing.graphml(&mut out),
        GraphFormat::Dot => drawing.dot(&mut out),
        GraphFormat::Json => drawing.node_link(&mut out),
        GraphFormat::Gexf => history.gexf(recorded.header(), &mut out),
    };
    match written.and_then(|()| out.flush()) {
        // A reader that has gone away (`| head`) is no reason to fail.
        Err(error) if args.out.is_none() && error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.while_doing(doing),
    }
}

/// The topology at a time, or at the end, and if it is wanted how it came to be.
fn follow(recorded: &Recorded, at: Option<Time>, with_history: bool, with_traffic: bool) -> Result<(Topology, History), Failure> {
    let mut topology = if with_traffic { Topology::with_traffic() } else { Topology::new() };
    let mut history = History::new();
    let kinds = if with_traffic { "up, down, step, link_up, link_down, sent" } else { "up, down, step, link_up, link_down" };
    let until = until(at);
    recorded.each(filter(&format!("kind in {{{kinds}}}{until}")).as_ref(), |row| {
        if let Some(change) = topology.add(row).filter(|_| with_history) {
            history.add(change, &topology);
        }
        Ok(())
    })?;
    // Roles stand in the contents, which are read of these few only.
    for row in recorded.rows(filter(&format!("kind == event && type == mode{until}")).as_ref())? {
        topology.add(&row?);
    }
    Ok((topology, history))
}

/// The end of a filter for records up to a time.
fn until(at: Option<Time>) -> String {
    at.map_or_else(String::new, |at| format!(" && time <= {}ns", at.as_nanos()))
}

/// How many shortest paths along contacts go through each peer.
struct Between {
    paths: BTreeMap<Peer, f64>,
    /// From so many peers they were counted.
    sources: usize,
}

impl Between {
    fn of(topology: &Topology) -> Self {
        let graph = Graph::of(topology, Link::Contact);
        let paths = graph.peers().iter().copied().zip(graph.betweenness(SOURCES)).collect();
        Self { paths, sources: graph.peers().len().min(SOURCES) }
    }

    /// Those through which most go.
    fn most(&self, count: usize) -> Vec<(Peer, f64)> {
        let mut all: Vec<(Peer, f64)> = self.paths.iter().map(|(peer, paths)| (*peer, *paths)).collect();
        all.sort_by(|(one, a), (other, b)| b.total_cmp(a).then(one.cmp(other)));
        all.truncate(count);
        all
    }

    fn text(&self, count: usize) -> String {
        let sampled = if self.sources < self.paths.len() {
            format!(" (from {} of {} peers, scaled up)", self.sources, self.paths.len())
        } else {
            String::new()
        };
        let peers: String = self.most(count).iter().map(|(peer, paths)| format!("\n  {:<12} {paths:.0} shortest paths", peer.to_string())).collect();
        format!("\nmost paths go through{sampled}{peers}")
    }
}

/// Where peers sit: in a simulation that follows from the seed.
fn key_of(recorded: &Recorded) -> Option<impl Fn(Peer) -> Key + use<>> {
    let header = recorded.header();
    let seed = header.seed.filter(|_| header.source == Source::Sim)?;
    Some(move |peer| Key::derived(seed, peer))
}

/// What is shown of a topology.
#[derive(Serialize)]
struct Shown {
    t_ns: u64,
    up: usize,
    down: usize,
    contacts: Option<ShownGraph>,
    connections: Option<ShownGraph>,
    transfers: Option<ShownGraph>,
    #[serde(skip_serializing_if = "Option::is_none")]
    betweenness: Option<BTreeMap<String, f64>>,
}

#[derive(Serialize)]
struct ShownGraph {
    links: usize,
    out_degree: [f64; 3],
    in_degree: [f64; 3],
    components: usize,
    largest_component: usize,
    mean_path: f64,
    longest_path: usize,
    clustering: f64,
    measured_from: usize,
    completeness: Option<f64>,
}

impl ShownGraph {
    fn of(graph: &Graph, key: Option<&dyn Fn(Peer) -> Key>) -> Option<Self> {
        let Measures { links, out_degree, in_degree, components, largest, mean_path, longest_path, clustering, sources, .. } =
            graph.measures(SOURCES);
        let degree = |(least, mean, most): (usize, f64, usize)| [least as f64, mean, most as f64];
        (links > 0).then(|| Self {
            links,
            out_degree: degree(out_degree),
            in_degree: degree(in_degree),
            components,
            largest_component: largest,
            mean_path,
            longest_path,
            clustering,
            measured_from: sources,
            completeness: key.map(|key| graph.completeness(K, key)),
        })
    }

    fn text(&self, what: &str, nodes: usize) -> String {
        let [least, mean, most] = self.out_degree;
        let [in_least, _, in_most] = self.in_degree;
        let sampled = if self.measured_from < nodes { format!(" (from {} of {nodes} peers)", self.measured_from) } else { String::new() };
        let complete = self
            .completeness
            .map_or_else(String::new, |share| format!("\n  tables       {:.1} % of what ideal ones with k = {K} hold", share * 100.0));
        format!(
            "\n{what}: {} links\n  a peer has   {mean:.1} ({least} to {most}); is had by {in_least} to {in_most}\n  parts        {}, the largest of {} peers\n  \
             hops         {:.2} on average, {} at most{sampled}\n  clustering   {:.3}{complete}",
            self.links, self.components, self.largest_component, self.mean_path, self.longest_path, self.clustering
        )
    }
}

fn show(topology: &Topology, recorded: &Recorded, between: Option<(&Between, usize)>, output: Output) {
    let known = || topology.peers().iter().filter(|node| node.known);
    let up = known().filter(|node| node.up).count();
    let key = key_of(recorded);
    let key = key.as_ref().map(|key| key as &dyn Fn(Peer) -> Key);
    let shown = Shown {
        t_ns: topology.now().as_nanos(),
        up,
        down: known().count() - up,
        contacts: ShownGraph::of(&Graph::of(topology, Link::Contact), key),
        connections: ShownGraph::of(&Graph::of(topology, Link::Connection), None),
        transfers: ShownGraph::of(&Graph::of(topology, Link::Transfer), None),
        betweenness: between.map(|(between, count)| between.most(count).into_iter().map(|(peer, paths)| (peer.to_string(), paths)).collect()),
    };
    let graphs = [("contacts", &shown.contacts), ("connections", &shown.connections), ("transfers", &shown.transfers)];
    let graphs: String = graphs.into_iter().filter_map(|(what, graph)| Some(graph.as_ref()?.text(what, up))).collect();
    let none = if graphs.is_empty() { "\nno links: were steps recorded? `--capture summary` leaves them out" } else { "" };
    let between = between.map_or_else(String::new, |(between, count)| between.text(count));
    output.result(&shown, format_args!("at {:.6} s: {up} peers up, {} down{graphs}{none}{between}", topology.now().as_secs_f64(), shown.down));
}
