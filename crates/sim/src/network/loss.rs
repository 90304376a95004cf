//! [`Loss`]: which packets the network loses.
//!
//! Bernoulli losses are independent of one another. Losses of real links are not: they come in bursts, from a queue that overflows or a radio
//! that fades, and a protocol that survives one loss in a hundred may not survive ten in a row. The smallest model with bursts is the chain of
//! Gilbert (*Capacity of a Burst-Noise Channel*, Bell System Technical Journal 39, 1960), in the general form of Elliott (*Estimates of Error
//! Rates for Codes on Burst-Noise Channels*, same journal 42, 1963):
//!
//! ```text
//!                    to_bad
//!            ┌───────────────────▶┐
//!          good                  bad        a packet first moves the chain, then is
//!            └◀───────────────────┘         lost with the probability of the state
//!      loss_good     to_good      loss_bad
//! ```
//!
//! The chain is that of the sender's access link, and moves once for every packet sent. In the long run it is bad for the share
//! `to_bad / (to_bad + to_good)` of all packets, and each time for `1 / to_good` packets on average. Its state is one bool, which the engine
//! keeps with the sender and lends: so the dice are the packet's own, and the outcome does not depend on the order in which peers are computed.

use peerglass_core::Rng;

use crate::SetupError;
use crate::network::check::probability;

/// Which packets are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each with this probability, whatever happens to others.
    Bernoulli(f64),
    /// In bursts, by a chain of two states. All four are probabilities.
    GilbertElliott {
        /// That a packet turns a good link bad.
        to_bad: f64,
        /// That a packet turns a bad link good.
        to_good: f64,
        /// That a packet is lost while the link is good.
        loss_good: f64,
        /// That a packet is lost while the link is bad.
        loss_bad: f64,
    },
}

impl Loss {
    /// Bursts in which everything is lost, nothing between them: the share `rate` of all packets in the long run, `length` packets in a row on
    /// average.
    ///
    /// [`Network::check`](super::Network::check) refuses what cannot be: a length below one, or a rate that leaves no room between bursts.
    #[must_use]
    pub fn bursts(rate: f64, length: f64) -> Self {
        let to_good = 1.0 / length;
        Loss::GilbertElliott { to_bad: to_good * rate / (1.0 - rate), to_good, loss_good: 0.0, loss_bad: 1.0 }
    }

    pub(crate) fn check(&self) -> Result<(), SetupError> {
        match *self {
            Loss::None => Ok(()),
            Loss::Bernoulli(loss) => probability("loss", loss),
            Loss::GilbertElliott { to_bad, to_good, loss_good, loss_bad } => {
                probability("loss's way from good to bad", to_bad)?;
                probability("loss's way from bad to good", to_good)?;
                probability("loss in the good state", loss_good)?;
                probability("loss in the bad state", loss_bad)
            }
        }
    }

    /// Whether nothing can be lost.
    #[must_use]
    #[inline]
    pub fn is_none(&self) -> bool {
        match *self {
            Loss::None => true,
            Loss::Bernoulli(loss) => loss == 0.0,
            Loss::GilbertElliott { .. } => false,
        }
    }

    /// The share of packets lost in the long run, by a sender that starts with a good link.
    #[must_use]
    pub fn rate(&self) -> f64 {
        match *self {
            Loss::None => 0.0,
            Loss::Bernoulli(loss) => loss,
            Loss::GilbertElliott { to_bad: 0.0, loss_good, .. } => loss_good,
            Loss::GilbertElliott { to_bad, to_good, loss_good, loss_bad } => {
                let bad = to_bad / (to_bad + to_good);
                bad * loss_bad + (1.0 - bad) * loss_good
            }
        }
    }

    /// Whether a packet with these dice is lost. `bad` is the state of its sender's link: false in the beginning, and only this function
    /// changes it.
    #[inline]
    pub fn lose(&self, bad: &mut bool, dice: &mut Rng) -> bool {
        match *self {
            Loss::None => false,
            Loss::Bernoulli(loss) => loss > 0.0 && dice.chance(loss),
            Loss::GilbertElliott { to_bad, to_good, loss_good, loss_bad } => {
                *bad ^= dice.chance(if *bad { to_good } else { to_bad });
                dice.chance(if *bad { loss_bad } else { loss_good })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerglass_core::{Peer, Rng};
    use proptest::prelude::*;

    const N: u64 = 400_000;

    /// The state after each of `N` packets, and whether it was lost. Each packet has dice of its own, as in the engine.
    fn history(loss: Loss, seed: u64) -> Vec<(bool, bool)> {
        let mut bad = false;
        (0..N).map(|order| (loss.lose(&mut bad, &mut Rng::for_step(seed, Peer(1), order)), bad)).map(|(lost, bad)| (bad, lost)).collect()
    }

    /// The lengths of the runs of bad packets that begin and end within the history.
    fn bad_runs(history: &[(bool, bool)]) -> Vec<f64> {
        let mut runs: Vec<f64> = history.chunk_by(|a, b| a.0 == b.0).filter(|run| run[0].0).map(|run| run.len() as f64).collect();
        runs.pop();
        runs
    }

    const CHAINS: [Loss; 3] = [
        Loss::GilbertElliott { to_bad: 0.01, to_good: 0.2, loss_good: 0.001, loss_bad: 0.5 },
        Loss::GilbertElliott { to_bad: 0.1, to_good: 0.05, loss_good: 0.0, loss_bad: 1.0 },
        Loss::GilbertElliott { to_bad: 0.5, to_good: 0.9, loss_good: 0.3, loss_bad: 0.0 },
    ];

    #[test]
    fn a_chain_loses_its_stationary_rate_in_the_long_run() {
        for (seed, loss) in (1..).zip(CHAINS) {
            let Loss::GilbertElliott { to_bad, to_good, loss_good, loss_bad } = loss else { panic!("chains only") };
            let lost = history(loss, seed).iter().filter(|(_, lost)| *lost).count() as f64 / N as f64;
            // The variance of the mean of a chain: that of independent draws, and the covariances of the state, which fade by `memory` a step.
            let (rate, bad, memory) = (loss.rate(), to_bad / (to_bad + to_good), 1.0 - to_bad - to_good);
            let shared = bad * (1.0 - bad) * (loss_bad - loss_good).powi(2);
            let variance = rate * (1.0 - rate) + 2.0 * shared * memory / (1.0 - memory);
            let error = (variance / N as f64).sqrt();
            assert!((lost - rate).abs() < 4.0 * error, "{loss:?}: {lost} lost, {rate} ± {error} expected");
        }
    }

    #[test]
    fn bad_times_last_as_long_as_a_geometric_variable_on_average() {
        for (seed, loss) in (1..).zip(CHAINS) {
            let Loss::GilbertElliott { to_good, .. } = loss else { panic!("chains only") };
            let runs = bad_runs(&history(loss, seed));
            let mean = runs.iter().sum::<f64>() / runs.len() as f64;
            let error = ((1.0 - to_good).sqrt() / to_good) / (runs.len() as f64).sqrt();
            assert!((mean - 1.0 / to_good).abs() < 4.0 * error, "{loss:?}: {mean} packets in a row, {} ± {error} expected", 1.0 / to_good);
        }
    }

    #[test]
    fn bursts_have_the_rate_and_the_length_asked_for() {
        let loss = Loss::bursts(0.02, 5.0);
        assert!((loss.rate() - 0.02).abs() < 1e-12 && loss.check().is_ok());
        let history = history(loss, 7);
        assert!(history.iter().all(|(bad, lost)| bad == lost));
        let runs = bad_runs(&history);
        let mean = runs.iter().sum::<f64>() / runs.len() as f64;
        assert!((mean - 5.0).abs() < 4.0 * 20f64.sqrt() / (runs.len() as f64).sqrt(), "{mean}");
    }

    #[test]
    fn a_chain_that_cannot_turn_bad_loses_like_bernoulli() {
        let loss = Loss::GilbertElliott { to_bad: 0.0, to_good: 0.0, loss_good: 0.1, loss_bad: 1.0 };
        assert_eq!(loss.rate(), 0.1);
        assert!(history(loss, 3).iter().all(|(bad, _)| !bad));
    }

    #[test]
    fn what_is_no_probability_is_refused_by_name() {
        let refused = |loss: Loss| loss.check().unwrap_err().to_string();
        assert!(refused(Loss::Bernoulli(1.5)).contains("loss is 1.5: give a probability from 0 to 1"));
        assert!(refused(Loss::bursts(0.9, 2.0)).contains("good to bad is 4.5"));
        assert!(refused(Loss::bursts(0.1, 0.5)).contains("bad to good is 2"));
        assert!(refused(Loss::bursts(1.0, 2.0)).contains("good to bad is inf"));
        let chain = Loss::GilbertElliott { to_bad: 0.1, to_good: 0.1, loss_good: -1.0, loss_bad: f64::NAN };
        assert!(refused(chain).contains("loss in the good state is -1"));
    }

    proptest! {
        #[test]
        fn a_packet_is_lost_for_sure_or_never_at_the_ends(seed: u64, order: u64, mut bad: bool) {
            let dice = || Rng::for_step(seed, Peer(0), order);
            let before = bad;
            prop_assert!(!Loss::None.lose(&mut bad, &mut dice()) && !Loss::Bernoulli(0.0).lose(&mut bad, &mut dice()));
            prop_assert!(Loss::Bernoulli(1.0).lose(&mut bad, &mut dice()));
            prop_assert_eq!(bad, before);
            let flips = Loss::GilbertElliott { to_bad: 1.0, to_good: 1.0, loss_good: 0.0, loss_bad: 1.0 };
            prop_assert_eq!(flips.lose(&mut bad, &mut dice()), !before);
            prop_assert_eq!(bad, !before);
        }
    }
}
