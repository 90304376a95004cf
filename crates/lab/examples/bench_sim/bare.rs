//! A bare event loop beside which the simulator is measured: as many pending events as it has, windows of about 1 ms that are sorted when they open, 64 bytes
//! of state a peer, and nothing else.

use std::hint::black_box;
use std::time::Instant;

use peerglass_core::Rng;

const SHIFT: u32 = 20;
/// Delays are uniform between these, in nanoseconds.
const FROM: u64 = 20_000_000;
const SPAN: u64 = 60_000_000;

/// Events a second.
pub(crate) fn windows(peers: u32, pending: usize) -> f64 {
    let events = 10_000_000.max(2 * pending as u64);
    let mut rng = Rng::new(1);
    let mut states = vec![[0u64; 8]; peers as usize];
    let mut ring: Vec<Vec<(u64, u32)>> = vec![Vec::new(); 128];
    for _ in 0..pending.max(1) {
        let time = FROM + rng.below(SPAN);
        ring[(time >> SHIFT) as usize & 127].push((time, rng.below(u64::from(peers)) as u32));
    }
    let clock = Instant::now();
    let (mut done, mut at, mut open) = (0, 0usize, Vec::new());
    while done < events {
        core::mem::swap(&mut open, &mut ring[at & 127]);
        open.sort_unstable();
        for (time, peer) in open.drain(..) {
            states[peer as usize][(time & 7) as usize] += 1;
            let next = time + FROM + rng.below(SPAN);
            ring[(next >> SHIFT) as usize & 127].push((next, rng.below(u64::from(peers)) as u32));
            done += 1;
        }
        at += 1;
    }
    black_box(&states);
    done as f64 / clock.elapsed().as_secs_f64()
}
