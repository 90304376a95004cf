//! [`OtlpStream`]: traces of OpenTelemetry while a run goes on, for a collector that is sent what is over, piece by piece.

use peerglass_core::Time;

use super::about::About;
use super::otlp::Traces;
use super::select::Shown;
use crate::{Row, RunHeader};

/// Makes traces of records as they come. They are those of [`Format::Otlp`](super::Format::Otlp), but that what is open for long is ended before its end is known.
#[derive(Debug)]
pub struct OtlpStream(Traces);

impl OtlpStream {
    /// For the records of this run.
    #[must_use]
    pub fn new(header: &RunHeader) -> Self {
        Self(Traces::new(&About { header, filter: None, limit: None }))
    }

    /// Takes the next record.
    pub fn add(&mut self, row: Row) {
        self.0.see(Shown { row, kept: true });
    }

    /// How many spans are over and were not taken yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting()
    }

    /// Ends messages and roots of which nothing was heard since `time`. Of a message that a real node sent only the other side knows the fate.
    pub fn end_before(&mut self, time: Time) {
        self.0.end_before(time);
    }

    /// Ends everything that is open.
    pub fn end(&mut self) {
        self.0.end();
    }

    /// The spans that are over, as the JSON of an `ExportTraceServiceRequest`; `None` when there are none.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        let mut json = Vec::from(&b"{\"resourceSpans\":["[..]);
        let any = self.0.take(&mut json);
        json.extend_from_slice(b"\n]}\n");
        any.then_some(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::Told;

    fn spans(json: &[u8]) -> Vec<String> {
        let json: serde_json::Value = serde_json::from_slice(json).expect("it is JSON");
        let resources = json["resourceSpans"].as_array().unwrap().iter();
        let spans = resources.flat_map(|resource| resource["scopeSpans"][0]["spans"].as_array().unwrap());
        spans.map(|span| span["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_over_is_taken_once_and_what_is_open_for_long_is_ended() {
        let mut told = Told::new();
        let command = told.command(1, 0);
        told.sent(2, Some(command), (0, 1), "FIND_NODE");
        let lost = told.sent(3, Some(command), (0, 2), "PING");
        told.dropped(4, lost, (0, 2), "PING", "closed");
        let mut stream = OtlpStream::new(&RunHeader::node("lan", 0));
        told.rows.iter().for_each(|row| stream.add(row.clone()));
        assert_eq!(stream.waiting(), 1);
        assert_eq!(stream.take().map(|json| spans(&json)), Some(vec!["PING".to_owned()]));
        assert_eq!(stream.take(), None);
        stream.end_before(Time::from_millis(2));
        assert_eq!(stream.take(), None, "nothing is so old");
        stream.end_before(Time::from_millis(5));
        assert_eq!(stream.take().map(|json| spans(&json)), Some(vec!["FIND_NODE".to_owned(), "command get".to_owned()]));
    }
}
