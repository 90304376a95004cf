//! `peerglass topology`: who was there and who knew whom, at a time of a recorded run.

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
    let history = args.format == Some(GraphFormat::Gexf);
    // The others do not tell what went over a link.
    let traffic = matches!(args.format, Some(GraphFormat::Graphml | GraphFormat::Json));
    let (topology, history) = follow(&recorded, args.at.map(|at| Time::ZERO + at.0), history, traffic)?;
    let Some(format) = args.format else {
        show(&topology, &recorded, output);
        return Ok(());
    };
    let doing = || args.out.as_ref().map_or_else(|| "write the graph".to_owned(), |path| format!("write {}", path.display()));
    let mut out: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(BufWriter::with_capacity(1 << 20, File::create(path).while_doing(doing)?)),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let key = key_of(&recorded);
    let key = key.as_ref().map(|key| key as &dyn Fn(Peer) -> Key);
    let drawing = Drawing { topology: &topology, header: recorded.header(), key };
    match format {
        GraphFormat::Graphml => drawing.graphml(&mut out),
        GraphFormat::Dot => drawing.dot(&mut out),
        GraphFormat::Json => drawing.node_link(&mut out),
        GraphFormat::Gexf => history.gexf(recorded.header(), &mut out),
    }
    .and_then(|()| out.flush())
    .while_doing(doing)
}

/// The topology at a time, or at the end, and if it is wanted how it came to be.
fn follow(recorded: &Recorded, at: Option<Time>, with_history: bool, with_traffic: bool) -> Result<(Topology, History), Failure> {
    let mut topology = if with_traffic { Topology::with_traffic() } else { Topology::new() };
    let mut history = History::new();
    let kinds = if with_traffic { "up, down, step, link_up, link_down, sent" } else { "up, down, step, link_up, link_down" };
    let until = at.map_or_else(String::new, |at| format!(" && time <= {}ns", at.as_nanos()));
    recorded.each(filter(&format!("kind in {{{kinds}}}{until}")).as_ref(), |row| {
        if let Some(change) = topology.add(row).filter(|_| with_history) {
            history.add(change, &topology);
        }
        Ok(())
    })?;
    Ok((topology, history))
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

fn show(topology: &Topology, recorded: &Recorded, output: Output) {
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
    };
    let graphs = [("contacts", &shown.contacts), ("connections", &shown.connections)];
    let graphs: String = graphs.into_iter().filter_map(|(what, graph)| Some(graph.as_ref()?.text(what, up))).collect();
    let none = if graphs.is_empty() { "\nno links: were steps recorded? `--capture summary` leaves them out" } else { "" };
    output.result(&shown, format_args!("at {:.6} s: {up} peers up, {} down{graphs}{none}", topology.now().as_secs_f64(), shown.down));
}
