//! The stream of records: JSON Lines, as a file of records is, from now on.
//!
//! A client that reads too slowly fills its connection, then its queue; from then on records are left out, and in their place stands a record of kind `fault` called
//! `records_lost` that says how many.

use std::convert::Infallible;
use std::fmt::Write as _;

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Response, StatusCode};
use peerglass_core::Time;
use peerglass_trace::{Capture, Filter, Record, RunHeader, What, json};
use tokio::sync::mpsc;

use super::answers::{Body, refuse, with};
use crate::book::ME;
use crate::driver::watchers::Watched;
use crate::error::Stopped;
use crate::node::Node;

/// Records that go out in one piece at most.
const PIECE: usize = 256;

/// What somebody wants to watch.
#[derive(Debug)]
pub(super) struct Asked {
    capture: Capture,
    filter: Option<Filter>,
}

impl Asked {
    /// From `capture=…&filter=…`.
    pub(super) fn from_query(query: &str) -> Result<Self, String> {
        let mut asked = Asked { capture: Capture::Full, filter: None };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value).ok_or_else(|| format!("`{name}` is not encoded as in addresses"))?;
            match name {
                "capture" => asked.capture = capture(&value)?,
                "filter" => asked.filter = Some(value.parse().map_err(|error: peerglass_trace::FilterError| error.to_string())?),
                _ => return Err(format!("`{name}` is not known: capture and filter are")),
            }
        }
        Ok(asked)
    }
}

fn capture(name: &str) -> Result<Capture, String> {
    let all = [Capture::Operations, Capture::Summary, Capture::Full];
    all.into_iter().find(|capture| capture.name() == name).ok_or_else(|| format!("capture `{name}` is not known: operations, summary and full are"))
}

/// A text of an address: `%3D` is `=`, `+` is a space.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The path of the stream, for a client.
#[must_use]
pub fn path(capture: Capture, filter: Option<&Filter>) -> String {
    let filter = filter.map_or_else(String::new, |filter| format!("&filter={}", encoded(&filter.to_string())));
    format!("/records?capture={}{filter}", capture.name())
}

/// A text as it stands in an address.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            // Writing into a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

pub(super) async fn stream(node: &Node, asked: Asked) -> Result<Response<Body>, Stopped> {
    let Some(records) = node.watch(asked.capture).await? else {
        return Ok(refuse(StatusCode::TOO_MANY_REQUESTS, "too many watch this node already: try again later"));
    };
    let mut header = RunHeader::node(&node.status().await?.network.to_string(), 0).to_json();
    header.push('\n');
    let lines = stream::unfold(Some((Some(header), records, asked.filter)), |state| async {
        let (header, mut records, filter) = state?;
        if let Some(header) = header {
            return Some((Bytes::from(header), Some((None, records, filter))));
        }
        let piece = piece(&mut records, filter.as_ref()).await?;
        Some((piece, Some((None, records, filter))))
    });
    let body = StreamBody::new(futures::StreamExt::map(lines, |piece| Ok::<_, Infallible>(Frame::data(piece))));
    Ok(with(StatusCode::OK, "application/x-ndjson", body.boxed_unsync()))
}

/// The next lines; `None` when the node stops.
async fn piece(records: &mut mpsc::Receiver<Watched>, filter: Option<&Filter>) -> Option<Bytes> {
    let (mut lines, mut batch) = (Vec::new(), Vec::new());
    while lines.is_empty() {
        if records.recv_many(&mut batch, PIECE).await == 0 {
            return None;
        }
        for watched in batch.drain(..) {
            put(&mut lines, watched, filter);
        }
    }
    Some(lines.into())
}

fn put(lines: &mut Vec<u8>, watched: Watched, filter: Option<&Filter>) {
    let record = match watched {
        Watched::Record(record) if filter.is_none_or(|filter| filter.matches(&record.view())) => *record,
        Watched::Record(_) => return,
        Watched::Lost { records, until } => {
            let detail = format!("{records} records, this one the last of them: who watches reads too slowly").into();
            Record { seq: until, time: Time::ZERO, peer: ME, cause: None, what: What::Fault { name: "records_lost", detail } }
        }
    };
    json::put_record(lines, &record);
    lines.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_comes_through_an_address_as_it_was() {
        for text in ["type == FIND_NODE && peer in 3..9", "why ~ \"100 %\"", "why == 'ä+b'"] {
            assert_eq!(decoded(&encoded(text)).as_deref(), Some(text));
        }
        let asked = Asked::from_query(&format!("capture=summary&filter={}", encoded("kind == sent"))).unwrap();
        assert_eq!((asked.capture, asked.filter.map(|filter| filter.to_string())), (Capture::Summary, Some("kind == sent".to_owned())));
        for (bad, why) in
            [("capture=wire", "operations, summary and full"), ("filter=kind+%3D%3D", "kind"), ("x=1", "not known"), ("filter=%zz", "not encoded")]
        {
            let said = Asked::from_query(bad).unwrap_err();
            assert!(said.contains(why), "{bad}: {said}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_said_in_its_place_and_can_be_read_back() {
        let record = |seq| Watched::Record(Box::new(Record { seq, time: Time::ZERO, peer: ME, cause: None, what: What::Up }));
        let (sender, mut records) = mpsc::channel(8);
        for watched in [record(1), Watched::Lost { records: 3, until: 4 }, record(5)] {
            sender.send(watched).await.unwrap();
        }
        drop(sender);
        let mut file = RunHeader::node("n", 0).to_json().into_bytes();
        file.push(b'\n');
        file.extend(piece(&mut records, Some(&"kind == fault || seq > 4".parse().unwrap())).await.unwrap());
        assert_eq!(piece(&mut records, None).await, None);
        let rows: Vec<_> = peerglass_trace::Reader::new(&file[..]).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [4, 5]);
        assert!(rows[0].name.as_deref() == Some("records_lost") && rows[0].why.as_deref().unwrap().starts_with("3 records"));
    }
}
