//! The command line: parsed into plain values, nothing resolved yet.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use peerglass_lab::laws::Laws;
use peerglass_lab::units::Span;
use peerglass_trace::export::Format;
use peerglass_trace::{By, Capture, Filter};

use crate::commands::inspect::Followed;
use crate::commands::trace::OperationName;

/// Share files without a server, and see through the network that does it.
#[derive(Debug, Parser)]
#[command(
    name = "peerglass",
    version,
    max_term_width = 110,
    after_help = "Start with `peerglass demo`. To share a file: `peerglass share FILE` on one machine, then the `peerglass get …` that it prints on another.\n\n\
                  Exit codes: 0 done; 1 failed; 2 the command line or an input file is wrong; 3 not found; 4 a law is broken (sim --check, hunt); 130 interrupted."
)]
pub(crate) struct Cli {
    /// Print results as JSON, one object a line, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch it work: five real nodes share a real file, then 1,000 simulated peers run the same code
    #[command(after_help = "Leaves records and summaries of both worlds in ./peerglass-demo/ and ends by itself within a minute.")]
    Demo(DemoArgs),
    /// Share files or directories until Ctrl-C
    #[command(
        after_help = "The files stay where they are: nothing is copied, and if one changes it is no longer served. Prints a CID, a ticket (CID, peer id and \
                      addresses, good for somebody elsewhere) and the exact command for the other side."
    )]
    Share(ShareArgs),
    /// Fetch what somebody shares, by CID or ticket
    #[command(
        after_help = "Every block is verified against the CID. The output appears under its final name only when it is whole; until then it grows as NAME.part. \
                      Run the same command again to resume after an interruption."
    )]
    Get(GetArgs),
    /// Run a node: serve what was shared before and keep its records alive, until told to stop
    Node(NodeCommandArgs),
    /// Run a scenario in the simulator
    #[command(
        after_help = "The same scenario, seed and version give byte-identical results. Scenarios with lessons are in labs/; docs/scenarios.md explains every key.\n\n\
                      Examples: peerglass sim labs/first-look.toml --peers 200 --out run/\n          \
                      peerglass sim labs/bad-day.toml --check"
    )]
    Sim(SimArgs),
    /// Search many runs of a scenario, under random faults, for one in which a law is broken
    #[command(
        after_help = "Every seed draws its own dice and its own faults. The first that breaks a law is shrunk (fewer faults, peers and operations, shorter, simpler) to a small scenario \
                      that still breaks it, and written as a scenario file. The result does not depend on the number of threads. Laws are explained in docs/checking.md.\n\n\
                      Exit codes: 0 no law is broken; 4 one is.\n\n\
                      Example: peerglass hunt labs/bad-day.toml --seeds 0..100"
    )]
    Hunt(HuntArgs),
    /// Look at a recorded run: an overview, records that pass a filter, or counts
    #[command(
        after_help = "RUN is a directory that `peerglass sim --out` or `--record` left, finished or not, or a file of JSON Lines. Filters are explained in docs/filters.md.\n\n\
                      Examples: peerglass inspect run/\n          \
                      peerglass inspect run/ --filter 'proto == kad && type == FIND_NODE && peer in 3..9 && time > 2s'\n          \
                      peerglass inspect run/ --by 1s --filter 'kind == dropped'\n          \
                      peerglass inspect run/ --as mermaid --filter 'peer == 3 && time < 2s' -o chart.mmd"
    )]
    Inspect(InspectArgs),
    /// Go through one operation of a recorded run step by step: a lookup, a join, a fetch
    #[command(after_help = "Without an operation, or with part of one, lists what there is.\n\n\
                      Examples: peerglass trace run/ p12\n          \
                      peerglass trace run/ p12:kad#7")]
    Trace(TraceArgs),
    /// Who was there and who knew whom, at a time of a recorded run: measures, or the graph for other tools
    #[command(after_help = "Examples: peerglass topology run/ --at '30 s'\n          \
                      peerglass topology run/ --as gexf -o run.gexf\n\n\
                      GEXF holds the whole run up to that time, with spells; the other formats the links of that time. networkx opens all of them, Gephi GraphML and GEXF, Graphviz DOT.")]
    Topology(TopologyArgs),
    /// Compare two recorded runs: the first record that differs, and what changed
    Diff(DiffArgs),
    /// Make one run of the runs of several real nodes: who received what from whom, and by how much their clocks differ
    #[command(
        after_help = "What one node sent and another received is matched by contents and order; the difference of two clocks follows from the fastest messages in both directions, as in NTP, and is known to half \
                      of the least round trip. The result is a file of JSON Lines, which every command that reads runs takes.\n\n\
                      Example: peerglass merge a/ b/ c/ -o all.jsonl"
    )]
    Merge(MergeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The file to share; without it one is made of the program and its source tree
    pub(crate) file: Option<PathBuf>,
    /// Where records and summaries go
    #[arg(long, default_value = "peerglass-demo", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// How many peers are simulated
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u32).range(1..))]
    pub(crate) peers: u32,
}

/// What every command that runs a node takes.
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// Address to listen on, as a multiaddr; may be given several times. Default: all interfaces, TCP and QUIC, ports that the system picks
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) listen: Vec<String>,
    /// Peer to join through, as a multiaddr that ends in /p2p/PEERID; may be given several times
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) bootstrap: Vec<String>,
    /// Where the identity key, the block store and the list of shares are kept. Default: the platform's data directory
    #[arg(long, value_name = "DIR", env = "PEERGLASS_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Which network to be part of
    #[arg(long, value_enum, default_value_t = Network::Lan)]
    pub(crate) network: Network,
    /// Record everything that happens: a run in this directory, readable while it goes on (`peerglass inspect DIR`), or JSON Lines if the name ends in .jsonl
    #[arg(long, value_name = "DIR|FILE.jsonl")]
    pub(crate) record: Option<PathBuf>,
    /// Let the node be looked at while it runs, at this address: status, Prometheus metrics, topology, records (`peerglass inspect --live`). Port 0 is any that is free
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) control: Option<SocketAddr>,
    /// Send traces to the OpenTelemetry collector there, as OTLP over HTTP
    #[arg(long, value_name = "http://HOST:4318")]
    pub(crate) otlp: Option<String>,
    /// How much is recorded
    #[arg(long, value_enum, default_value_t = Contents::Full, requires = "record")]
    pub(crate) capture: Contents,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Network {
    /// Peers on the same LAN find each other by mDNS
    Lan,
    /// Your own peers: name at least one with --bootstrap
    Private,
    /// The public IPFS network (Amino DHT)
    Ipfs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Hash {
    /// BLAKE3: fast on every processor
    Blake3,
    /// SHA2-256: for networks whose peers know nothing else
    Sha256,
}

#[derive(Debug, Args)]
pub(crate) struct ShareArgs {
    /// Files or directories
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How blocks are hashed. Default: blake3, on --network ipfs sha256
    #[arg(long, value_enum)]
    pub(crate) hash: Option<Hash>,
    /// Include files whose names begin with a dot
    #[arg(long)]
    pub(crate) hidden: bool,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// What to fetch: a CID (bafy…, Qm…) or a ticket (pg1…)
    #[arg(value_name = "CID|TICKET")]
    pub(crate) what: String,
    /// Where to put it: a name that is not taken. Default: the CID, in the current directory
    #[arg(short, long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// Replace OUT if it exists
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Give up when nothing has arrived for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = value_parser!(u64).range(1..))]
    pub(crate) patience: u64,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NodeCommandArgs {
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// The scenario file
    #[arg(value_name = "SCENARIO.toml")]
    pub(crate) scenario: PathBuf,
    /// The seed of all dice, instead of the scenario's
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// The number of peers, instead of the scenario's. Publishers and fetchers shrink in proportion when there are too few
    #[arg(long, value_parser = value_parser!(u32).range(1..))]
    pub(crate) peers: Option<u32>,
    /// Write summary and records there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// How much is recorded. Default: full, with --check summary
    #[arg(long, value_enum)]
    pub(crate) capture: Option<Contents>,
    /// Stop where a law is first broken, and say how. LAWS: some of conservation, silence, panic, tables, blocks, values, with commas between them; without any, all
    #[arg(long, value_name = "LAWS", num_args = 0..=1, default_missing_value = "all")]
    pub(crate) check: Option<Laws>,
    /// Start even if there seems to be too little memory
    #[arg(long)]
    pub(crate) force: bool,
    /// Compute on so many threads: the result is the same. For large networks; a run that is recorded (--out) uses one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u16).range(1..=64))]
    pub(crate) threads: u16,
}

#[derive(Debug, Args)]
pub(crate) struct HuntArgs {
    /// The scenario file
    #[arg(value_name = "SCENARIO.toml")]
    pub(crate) scenario: PathBuf,
    /// Which seeds are run: from the first on, below the second
    #[arg(long, value_name = "A..B", default_value = "0..100")]
    pub(crate) seeds: Seeds,
    /// At most so many random faults in each run, beside those of the scenario
    #[arg(long, value_name = "MAX", default_value_t = 8, value_parser = value_parser!(u16).range(0..=1000))]
    pub(crate) faults: u16,
    /// Let random faults make peers Byzantine too: silent, late, lying, and so on
    #[arg(long)]
    pub(crate) byzantine: bool,
    /// Which laws must hold: some of conservation, silence, panic, tables, blocks, values, with commas between them
    #[arg(long, value_name = "LAWS", default_value = "all")]
    pub(crate) check: Laws,
    /// Run so many seeds at once. Default: as many as there are processors
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Run all seeds, and list each that breaks a law; the first is shrunk
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Shrink with at most so many runs; 0 writes the case as it was found
    #[arg(long, value_name = "RUNS", default_value_t = 500)]
    pub(crate) shrink: u32,
    /// Where the case goes: a name that is not taken. Default: SCENARIO.hunt-SEED.toml, in the current directory
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The number of peers, instead of the scenario's
    #[arg(long, value_parser = value_parser!(u32).range(1..))]
    pub(crate) peers: Option<u32>,
    /// Start even if there seems to be too little memory
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The run: a directory, or a file of JSON Lines
    #[arg(value_name = "RUN", required_unless_present = "live")]
    pub(crate) run: Option<PathBuf>,
    /// Look at a running node instead, at the address of its control port (`--control`): how it stands; with --filter, --limit, --by or --as its records, from now on
    #[arg(long, value_name = "IP:PORT", conflicts_with_all = ["run", "why", "follow", "packet", "round_trips", "odd"])]
    pub(crate) live: Option<String>,
    /// Only what had happened by this time of the run, such as '30 s'
    #[arg(long, value_name = "TIME", conflicts_with_all = ["live", "why", "follow", "packet", "round_trips", "odd"])]
    pub(crate) at: Option<Span>,
    /// Only records that pass, such as 'type == FIND_NODE && time > 2s' (docs/filters.md)
    #[arg(short, long, value_name = "FILTER")]
    pub(crate) filter: Option<Filter>,
    /// Count records, messages and bytes by: kind, type, peer, pair, or interval (100ms, 1s)
    #[arg(long, value_name = "WHAT")]
    pub(crate) by: Option<By>,
    /// Show what led to the record of this number, back to a command, timer or fault
    #[arg(long, value_name = "RECORD", conflicts_with_all = ["filter", "by", "follow", "format"])]
    pub(crate) why: Option<u64>,
    /// Show the record of this number, or what began this operation (p12:kad#7), and all that it led to, at all peers
    #[arg(long, value_name = "RECORD|OPERATION", conflicts_with_all = ["filter", "by", "format"])]
    pub(crate) follow: Option<Followed>,
    /// Show the bytes of the message of this record, field by field; they are recorded with --capture wire
    #[arg(long, value_name = "RECORD", conflicts_with_all = ["filter", "by", "why", "follow", "format", "round_trips", "odd"])]
    pub(crate) packet: Option<u64>,
    /// Pair questions with answers: round trips, losses and repetitions by type
    #[arg(long, conflicts_with_all = ["filter", "by", "why", "follow", "format"])]
    pub(crate) round_trips: bool,
    /// Tell what is odd: unanswered, doubled and overtaken messages, messages without a fate, damage
    #[arg(long, conflicts_with_all = ["filter", "by", "why", "follow", "format", "round_trips"])]
    pub(crate) odd: bool,
    /// Show so many records at most. Default: 100, then how many more there are; with --as all
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Write the records in the format of another program: jsonl, json, csv, mermaid, mermaid:parts, pcapng, shiviz, chrome, otlp, vega:messages, vega:hops, vega:latency,
    /// vega:alive (docs/exports.md)
    #[arg(long = "as", value_name = "FORMAT", conflicts_with = "by")]
    pub(crate) format: Option<Format>,
    /// Where the export goes. Default: standard output
    #[arg(short, long, value_name = "FILE", requires = "format")]
    pub(crate) out: Option<PathBuf>,
    /// In sequence charts, also show what is no message: steps, events, timers
    #[arg(long, requires = "format")]
    pub(crate) steps: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// The run: a directory, or a file of JSON Lines
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Which operation: p12:kad#7, or part of that
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: Option<OperationName>,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The one run
    #[arg(value_name = "RUN1")]
    pub(crate) first: PathBuf,
    /// The other
    #[arg(value_name = "RUN2")]
    pub(crate) second: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The runs, one of each node
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    pub(crate) runs: Vec<PathBuf>,
    /// Where the merged run goes
    #[arg(short, long, value_name = "FILE.jsonl")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TopologyArgs {
    /// The run: a directory, or a file of JSON Lines
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// At which time of the run, such as '30 s'. Default: at its end
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Span>,
    /// Measures again and again in such steps of time, as a table; with --json a line each
    #[arg(long, value_name = "TIME", conflicts_with_all = ["format", "betweenness"])]
    pub(crate) every: Option<Span>,
    /// Also through which peers most shortest paths go, so many of them; in GraphML and node-link JSON, of each
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10")]
    pub(crate) betweenness: Option<usize>,
    /// Write the graph in this format, instead of measures
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<GraphFormat>,
    /// Where the graph goes. Default: standard output
    #[arg(short, long, value_name = "FILE", requires = "format")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// GraphML: networkx, Gephi, yEd, igraph
    Graphml,
    /// GEXF 1.3, with all that came and went: Gephi's timeline
    Gexf,
    /// Graphviz
    Dot,
    /// Node-link JSON: networkx, D3
    Json,
}

/// Seeds from one on, below another: `0..100`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seeds(pub(crate) Range<u64>);

impl FromStr for Seeds {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bounds = text.split_once("..").and_then(|(from, to)| Some((from.trim().parse().ok()?, to.trim().parse().ok()?)));
        match bounds {
            Some((from, to)) if from < to => Ok(Self(from..to)),
            Some(_) => Err("there is no seed in this range: the first number must be below the second, which is not in it any more".to_owned()),
            None => Err("this is no range of seeds: write it like 0..100, the first and the one behind the last".to_owned()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contents {
    /// Everything, and the bytes of messages on the wire
    Wire,
    /// Everything but those: messages with their contents, timers, and every step of every operation
    Full,
    /// What was sent, received and lost, and timers, without contents; no steps
    Summary,
    /// No messages and no timers: operations step by step, what was asked and told, peers, links and faults
    Operations,
}

impl Contents {
    pub(crate) fn resolve(self) -> Capture {
        match self {
            Contents::Wire => Capture::Wire,
            Contents::Full => Capture::Full,
            Contents::Summary => Capture::Summary,
            Contents::Operations => Capture::Operations,
        }
    }
}
