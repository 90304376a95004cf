//! A fault as a line for people: `12.5 s  partition {a} | {b} for 10 s, every 30 s, 4 times`.

use std::fmt;

use super::{DiskState, Fault, FaultSpec, LinkTrouble, Near, PeerTrouble};

impl fmt::Display for FaultSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if !self.within.0.is_zero() {
            write!(f, ", one after the other within {}", self.within)?;
        }
        if let Some(lasting) = self.lasting {
            write!(f, " for {lasting}")?;
        }
        if let (Some(_), Fault::Peers { what: PeerTrouble::Crash { keep_state: false }, .. }) = (self.lasting, &self.what) {
            f.write_str(", then without their state")?;
        }
        if let Some(every) = self.every {
            write!(f, ", every {every}")?;
        }
        match self.times {
            Some(1) | None => Ok(()),
            Some(times) => write!(f, ", {times} times"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Peers { who, what } => match what {
                PeerTrouble::Crash { .. } => write!(f, "crash {who}"),
                PeerTrouble::Restart { keep_state: true } => write!(f, "restart {who} with their state"),
                PeerTrouble::Restart { keep_state: false } => write!(f, "restart {who} without their state"),
                PeerTrouble::Freeze => write!(f, "freeze {who}"),
                PeerTrouble::Slow { each } => write!(f, "slow {who}: {each} over everything"),
                PeerTrouble::Clock { skew, drift_ppm } => write!(f, "clock {who}: jumps {skew}, drifts {drift_ppm} ppm"),
                PeerTrouble::Throttle { up, down } => {
                    write!(f, "throttle {who}:")?;
                    up.iter().try_for_each(|up| write!(f, " up {up}"))?;
                    down.iter().try_for_each(|down| write!(f, " down {down}"))
                }
                PeerTrouble::Disk { state } => write!(f, "disk {who}: {}", state.name()),
                PeerTrouble::Byzantine { behaviour } => write!(f, "byzantine {who}: {behaviour}"),
            },
            Fault::Links { from, to, what } => write!(f, "{what} from {from} to {to}"),
            Fault::Partition { sides, one_way, bridge } => {
                let sides: Vec<String> = sides.iter().map(ToString::to_string).collect();
                write!(f, "partition {}", sides.join(if *one_way { " -|> " } else { " | " }))?;
                if sides.len() == 1 {
                    f.write_str(if *one_way { " -|> the others" } else { " | the others" })?;
                }
                bridge.iter().try_for_each(|bridge| write!(f, ", bridged by {bridge}"))
            }
            Fault::Swarm { count, near, bits, behaviour } => {
                match near {
                    Near::Random => write!(f, "sybil {count} peers near a random key")?,
                    Near::Key(key) => write!(f, "sybil {count} peers near {}…", &key[..8.min(key.len())])?,
                    Near::Content(name) => write!(f, "eclipse {name} by {count} peers")?,
                }
                bits.iter().try_for_each(|bits| write!(f, ", {bits} bits"))?;
                behaviour.iter().try_for_each(|behaviour| write!(f, ", {behaviour}"))
            }
        }
    }
}

impl fmt::Display for LinkTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkTrouble::Delay(extra) => write!(f, "delay {extra}"),
            LinkTrouble::Loss(share) => write!(f, "loss {share}"),
            LinkTrouble::Duplicate(share) => write!(f, "duplicate {share}"),
            LinkTrouble::Corrupt(share) => write!(f, "corrupt {share}"),
        }
    }
}

impl DiskState {
    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DiskState::Full => "full",
            DiskState::Broken => "broken",
            DiskState::Corrupt => "corrupt",
        }
    }
}
