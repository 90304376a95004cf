//! How a topology changed: the same measures again and again, from one pass over the records.

use std::time::Duration;

use peerglass_core::Time;
use peerglass_trace::topology::graph::Graph;
use peerglass_trace::topology::{Link, Topology};
use serde::Serialize;

use super::until;
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::recording::{Recorded, filter};

/// From so many peers paths are measured at each instant.
const SOURCES: usize = 100;
/// Instants at most.
const MOST: u64 = 100_000;

/// The topology at an instant.
#[derive(Serialize)]
struct Instant {
    t_ns: u64,
    up: usize,
    contacts: usize,
    /// Contacts that are up, of a peer that is.
    mean_degree: f64,
    components: usize,
    largest_component: usize,
    mean_path: f64,
    connections: usize,
    transfers: usize,
}

const NAMES: [&str; 9] = ["time s", "up", "contacts", "degree", "parts", "largest", "hops", "connections", "transfers"];

impl Instant {
    fn of(topology: &Topology, at: Time) -> Self {
        let measures = Graph::of(topology, Link::Contact).measures(SOURCES);
        Self {
            t_ns: at.as_nanos(),
            up: topology.up(),
            contacts: topology.contacts(),
            mean_degree: measures.out_degree.1,
            components: measures.components,
            largest_component: measures.largest,
            mean_path: measures.mean_path,
            connections: topology.connections().count(),
            transfers: topology.transfers().count(),
        }
    }

    fn text(&self) -> String {
        format!(
            "{:>12.3} {:>9} {:>11} {:>9.2} {:>9} {:>9} {:>7.2} {:>12} {:>10}",
            Time::from_nanos(self.t_ns).as_secs_f64(),
            self.up,
            self.contacts,
            self.mean_degree,
            self.components,
            self.largest_component,
            self.mean_path,
            self.connections,
            self.transfers
        )
    }
}

/// Shows the topology at each multiple of `every`, from the first record on.
pub(super) fn show(recorded: &Recorded, at: Option<Time>, every: Duration, output: Output) -> Result<(), Failure> {
    let failure = |why: String| Failure::new(Code::Usage, "follow the topology", why);
    let step = u64::try_from(every.as_nanos()).ok().filter(|step| *step > 0).ok_or_else(|| failure("--every must be some time".to_owned()))?;
    if !output.json {
        let [time, up, contacts, degree, parts, largest, hops, connections, transfers] = NAMES;
        output
            .line(format_args!("{time:>12} {up:>9} {contacts:>11} {degree:>9} {parts:>9} {largest:>9} {hops:>7} {connections:>12} {transfers:>10}"));
    }
    let mut topology = Topology::new();
    let (mut next, mut shown) = (None, 0);
    let kinds = filter(&format!("kind in {{up, down, step, link_up, link_down}}{}", until(at)));
    recorded.each(kinds.as_ref(), |row| {
        let time = row.time().as_nanos();
        // A real node's times count from 1970: the first instant is that of its first record.
        let due = next.get_or_insert(time - time % step);
        while *due < time {
            tell(&topology, Time::from_nanos(*due), output);
            *due += step;
            shown += 1;
            if shown > MOST {
                return Err(failure(format!("that are more than {MOST} instants: let more time pass between them")));
            }
        }
        topology.add(row);
        Ok(())
    })?;
    tell(&topology, topology.now(), output);
    Ok(())
}

fn tell(topology: &Topology, at: Time, output: Output) {
    let instant = Instant::of(topology, at);
    if output.json {
        output.result(&instant, "");
    } else {
        output.line(instant.text());
    }
}
