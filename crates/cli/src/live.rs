//! Records of a node that runs, as they come: from its control port, until it stops or somebody presses Ctrl-C.

use std::future::Future;
use std::sync::mpsc::{self, SyncSender};

use peerglass_node::control::records_path;
use peerglass_node::http::{Answer, HttpError, Server};
use peerglass_trace::{Capture, Filter, Row, RunHeader};

use crate::failure::{Code, Failure, While};
use crate::recording::Rows;
use crate::running::interruption;

/// Records that may wait for being shown. Beyond that the node is told to wait, which it does not: it says how many it left out.
const AHEAD: usize = 1024;
/// The longest line that is a record.
const LONGEST: usize = 16 << 20;

/// A node that runs.
pub(crate) struct LiveNode {
    address: String,
    server: Server,
    /// What the node says of itself.
    pub(crate) status: serde_json::Value,
    pub(crate) header: RunHeader,
}

impl LiveNode {
    /// Asks the node at `address` who it is.
    pub(crate) fn open(address: &str) -> Result<Self, Failure> {
        let doing = || format!("look at the node at {address}");
        let server = Server::at(address).blaming_input(doing)?;
        let status = wait(async { server.get("/status").await?.whole().await })?.while_doing(doing)?;
        let status: serde_json::Value = serde_json::from_slice(&status).unwrap_or_default();
        if status["program"] != "peerglass" {
            let why = "what answers there is no node's control port: give the address that the node printed when it was started with --control";
            return Err(Failure::new(Code::Failed, doing(), why));
        }
        let header = RunHeader::node(status["network"].as_str().unwrap_or_default(), 0);
        Ok(Self { address: address.to_owned(), server, status, header })
    }

    /// The records that pass, from now on.
    pub(crate) fn rows(&self, filter: Option<&Filter>) -> Rows {
        let (sender, rows) = mpsc::sync_channel(AHEAD);
        let (server, path, address) = (self.server.clone(), records_path(Capture::Full, filter), self.address.clone());
        std::thread::spawn(move || {
            let reading = async {
                let interruption = interruption();
                tokio::select! {
                    read = read(&server, &path, &address, &sender) => read,
                    () = interruption => Ok(()),
                }
            };
            if let Err(failure) = wait(reading).and_then(|read| read) {
                // If nobody reads any more, nobody needs to know.
                let _ = sender.send(Err(failure));
            }
        });
        Box::new(rows.into_iter())
    }
}

/// Waits for something of the network.
fn wait<T>(what: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| Failure::new(Code::Failed, "start", error))?.block_on(what))
}

/// Hands lines on as records, until the node stops or nobody reads.
async fn read(server: &Server, path: &str, address: &str, rows: &SyncSender<Result<Row, Failure>>) -> Result<(), Failure> {
    let doing = || format!("read the records of the node at {address}");
    let mut answer = server.get(path).await.while_doing(doing)?;
    let mut lines = Lines::default();
    let mut header = false;
    while let Some(piece) = next(&mut answer).await.while_doing(doing)? {
        lines.add(&piece);
        if lines.waiting() > LONGEST {
            return Err(Failure::new(Code::Failed, doing(), "what comes is no line of a record"));
        }
        while let Some(line) = lines.next() {
            if !header {
                check(&line, doing)?;
                header = true;
                continue;
            }
            let row = Row::from_json(&line).map_err(|why| Failure::new(Code::Failed, doing(), why));
            if rows.send(row).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// A node that stops ends its connections, as it may.
async fn next(answer: &mut Answer) -> Result<Option<Vec<u8>>, HttpError> {
    match answer.next().await {
        Ok(piece) => Ok(piece.map(|piece| piece.to_vec())),
        Err(HttpError::Broken { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn check(line: &str, doing: impl Fn() -> String) -> Result<(), Failure> {
    match RunHeader::from_json(line) {
        Some(header) if header.schema == RunHeader::SCHEMA => Ok(()),
        Some(header) => {
            let why = format!(
                "its records are of schema {}, this version reads {}: use the version that the node runs ({})",
                header.schema,
                RunHeader::SCHEMA,
                header.engine
            );
            Err(Failure::new(Code::Failed, doing(), why))
        }
        None => Err(Failure::new(Code::Failed, doing(), "what comes does not begin as records do")),
    }
}

/// Lines, of pieces that are cut anywhere.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    at: usize,
}

impl Lines {
    fn add(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(piece);
    }

    fn waiting(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn next(&mut self) -> Option<String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        self.at += end + 1;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_wherever_pieces_are_cut() {
        let text = "one\ntwö\n\nthree\n";
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for piece in [&text.as_bytes()[..cut], &text.as_bytes()[cut..], b"rest"] {
                lines.add(piece);
                found.extend(std::iter::from_fn(|| lines.next()));
            }
            assert_eq!((found, lines.waiting()), (["one", "twö", "", "three"].map(str::to_owned).to_vec(), 4), "cut at {cut}");
        }
    }
}
