//! [`Otlp`]: sends a running node's traces to an OpenTelemetry collector, as OTLP over HTTP with JSON.
//!
//! It watches the node as anybody may ([`Node::watch`]), makes spans of the records, and posts those that are over, in batches. The node never waits for it: while the
//! collector is away, batches wait in a bounded queue; what finds it full is let go, and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use peerglass_core::Time;
use peerglass_trace::export::OtlpStream;
use peerglass_trace::{Capture, Row, RunHeader};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::driver::watchers::Watched;
use crate::error::Stopped;
use crate::http::{HttpError, Server};
use crate::node::Node;

/// Where collectors take traces (OTLP 1.x, "OTLP/HTTP request").
const PATH: &str = "/v1/traces";
/// Spans that are sent at once without waiting for more.
const BATCH: usize = 512;
/// How long spans wait for others.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long a message waits for its fate, and a root for what comes of it.
const OPEN: Duration = Duration::from_secs(30);
/// Batches that may wait for a collector that is away.
const WAITING: usize = 32;
/// How long to wait before trying again: the first time, and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long the last batches may take when the node stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// How sending goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtlpStatus {
    /// Batches that the collector took.
    pub sent: u64,
    /// Batches that were let go because it was away for too long.
    pub lost: u64,
    /// Records that came too fast to be made into spans.
    pub records_lost: u64,
    /// Why the last batch was not taken, until one is.
    pub trouble: Option<String>,
}

/// Sends traces, as long as this is kept.
#[derive(Debug)]
pub struct Otlp {
    status: watch::Receiver<OtlpStatus>,
    losses: Arc<Losses>,
    task: JoinHandle<()>,
}

/// What was let go.
#[derive(Debug, Default)]
struct Losses {
    batches: AtomicU64,
    records: AtomicU64,
}

impl Losses {
    fn tell(&self, status: &mut OtlpStatus) {
        status.lost = self.batches.load(Ordering::Relaxed);
        status.records_lost = self.records.load(Ordering::Relaxed);
    }
}

impl Otlp {
    /// Sends the traces of `node` to the collector at `http://HOST:PORT`.
    ///
    /// # Errors
    ///
    /// When the node has stopped, or too many watch it already. That the collector is not there is no error: it may come.
    pub async fn start(node: &Node, collector: Server) -> Result<Option<Self>, Stopped> {
        let Some(records) = node.watch(Capture::Full).await? else { return Ok(None) };
        // The name tells apart the traces of runs: record numbers begin at 0 each time.
        let name = format!("{} {}", node.id(), node.status().await?.network);
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let header = RunHeader::node(&name, 0).with_scenario_hash(&format!("{epoch:x}"));
        let (told, status) = watch::channel(OtlpStatus::default());
        let (batches, waiting) = mpsc::channel(WAITING);
        let losses = Arc::new(Losses::default());
        let mut sending = tokio::spawn(send(collector, waiting, told, Arc::clone(&losses)));
        let lost = Arc::clone(&losses);
        let task = tokio::spawn(async move {
            gather(records, OtlpStream::new(&header), batches, &lost).await;
            // What is left must not hold up the end for long.
            if timeout(FAREWELL, &mut sending).await.is_err() {
                sending.abort();
            }
        });
        Ok(Some(Self { status, losses, task }))
    }

    /// How it goes; the receiver is told of changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<OtlpStatus> {
        self.status.clone()
    }

    /// Waits, once the node has stopped, until what is left was sent or given up, and tells how it went.
    pub async fn finish(&self) -> OtlpStatus {
        let mut status = self.status.clone();
        // It changes no more once nothing is sent any more.
        while status.changed().await.is_ok() {}
        let mut last = status.borrow().clone();
        self.losses.tell(&mut last);
        last
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes spans of records until the node stops.
async fn gather(mut records: mpsc::Receiver<Watched>, mut spans: OtlpStream, batches: mpsc::Sender<Vec<u8>>, losses: &Losses) {
    let mut next = Instant::now() + INTERVAL;
    let hand_over = |spans: &mut OtlpStream| {
        if let Some(json) = spans.take()
            && batches.try_send(json).is_err()
        {
            losses.batches.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut newest = Time::ZERO;
    loop {
        tokio::select! {
            watched = records.recv() => match watched {
                Some(Watched::Record(record)) => {
                    newest = record.time;
                    spans.add(Row::from(&*record));
                }
                Some(Watched::Lost { records, .. }) => {
                    losses.records.fetch_add(records, Ordering::Relaxed);
                }
                None => break,
            },
            () = sleep_until(next) => {
                next = Instant::now() + INTERVAL;
                spans.end_before(Time::from_nanos(newest.as_nanos().saturating_sub(OPEN.as_nanos() as u64)));
                hand_over(&mut spans);
            }
        }
        if spans.waiting() >= BATCH {
            hand_over(&mut spans);
        }
    }
    spans.end();
    hand_over(&mut spans);
}

/// Posts batches, one after the other, until there will be no more.
async fn send(collector: Server, mut batches: mpsc::Receiver<Vec<u8>>, told: watch::Sender<OtlpStatus>, losses: Arc<Losses>) {
    while let Some(json) = batches.recv().await {
        let mut patience = RETRY.0;
        loop {
            let posted = collector.post_json(PATH, json.clone()).await;
            // What a collector does not understand it will not understand the next time either.
            let refused = matches!(posted, Err(HttpError::Refused { status: 400..=499, .. }));
            losses.batches.fetch_add(u64::from(refused), Ordering::Relaxed);
            told.send_modify(|status| {
                status.sent += u64::from(posted.is_ok());
                losses.tell(status);
                status.trouble = posted.as_ref().err().map(ToString::to_string);
            });
            if posted.is_ok() || refused {
                break;
            }
            tokio::time::sleep(patience).await;
            patience = (patience * 2).min(RETRY.1);
        }
    }
}
