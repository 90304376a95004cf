//! Counts for Prometheus, in the text format of OpenMetrics 1.0, taken when they are asked for.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};

use crate::node::Status;

/// The type of what is answered.
pub(super) const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of a node.
pub(super) fn of(status: &Status) -> String {
    let mut registry = Registry::with_prefix("peerglass");
    registry.register_collector(Box::new(Snapshot(status.clone())));
    let mut text = String::new();
    // Writing into a text cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Snapshot(Status);

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let status = &self.0;
        let mut out = Out(&mut encoder);
        out.messages(status)?;
        let drops = status.totals.drop_causes().map(|(cause, count)| ([("cause", cause.name())], count));
        out.counters("drops", "Messages that did not arrive as far as this node knows, by cause", None, drops)?;
        let events = status.totals.events().into_iter().map(|(event, count)| ([("event", event)], count));
        out.counters("events", "What the node's application was told, by event", None, events)?;
        let recording = &status.recording;
        out.counter("records", "Records made, for a recorder or for watchers", recording.records)?;
        out.counter("records_lost", "Records that watchers were too slow for", recording.lost_to_watchers)?;
        out.gauge("recording_failed", "Whether recording has ended with an error", i64::from(recording.error.is_some()))?;
        out.gauge("watchers", "Who is watching the node's records", recording.watchers as i64)?;
        out.connections(status)?;
        out.gauge("connected_peers", "Peers with at least one connection", status.peers.len() as i64)?;
        out.gauge("contacts", "Peers in the Kademlia routing table", status.contacts as i64)?;
        out.gauge("known_peers", "Peers in the address book", status.known_peers as i64)?;
        out.gauge("serves_kademlia", "Whether the node answers Kademlia's requests", i64::from(status.mode == peerglass_kad::Mode::Server))?;
        let running = ConstGauge::new(status.running_for.as_secs_f64());
        let metric = out.0.encode_descriptor("running", "How long the node has been running", Some(&Unit::Seconds), MetricType::Gauge)?;
        running.encode(metric)?;
        let labels = [("version", env!("CARGO_PKG_VERSION").to_owned()), ("peer", status.id.to_string()), ("network", status.network.to_string())];
        out.0.encode_descriptor("node", "Which node this is", None, MetricType::Info)?.encode_info(&labels)
    }
}

struct Out<'a, 'e>(&'a mut DescriptorEncoder<'e>);

impl Out<'_, '_> {
    fn messages(&mut self, status: &Status) -> Result<(), fmt::Error> {
        let all = status.totals.messages();
        let by_type = |count: fn(&peerglass_trace::MessageTotal) -> u64| all.iter().map(move |(name, total)| ([("type", *name)], count(total)));
        self.counters("messages_sent", "Messages sent, by type", None, by_type(|total| total.sent))?;
        self.counters("messages_received", "Messages received, by type", None, by_type(|total| total.delivered))?;
        self.counters("messages_dropped", "Messages that could not be sent, by type", None, by_type(|total| total.dropped))?;
        let bytes = Some(&Unit::Bytes);
        self.counters("messages_sent", "Bytes of messages sent, with their frames and blocks, by type", bytes, by_type(|total| total.bytes_sent))?;
        self.counters(
            "messages_received",
            "Bytes of messages received, with their frames and blocks, by type",
            bytes,
            by_type(|total| total.bytes_delivered),
        )
    }

    fn connections(&mut self, status: &Status) -> Result<(), fmt::Error> {
        let all = || status.peers.iter().flat_map(|(_, connections)| connections);
        let of = |transport: &str, dialled: bool| {
            let is_quic = |address: &libp2p::Multiaddr| address.iter().any(|part| part == libp2p::multiaddr::Protocol::QuicV1);
            all().filter(|connection| connection.dialled == dialled && is_quic(&connection.address) == (transport == "quic")).count() as i64
        };
        let mut family = self.0.encode_descriptor("connections", "Connections, by transport and by who dialled", None, MetricType::Gauge)?;
        for (transport, dialled) in [("quic", true), ("quic", false), ("tcp", true), ("tcp", false)] {
            let labels = [("transport", transport), ("direction", if dialled { "outbound" } else { "inbound" })];
            ConstGauge::new(of(transport, dialled)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        counts: impl Iterator<Item = (L, u64)>,
    ) -> Result<(), fmt::Error> {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        for (labels, count) in counts {
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, count: u64) -> Result<(), fmt::Error> {
        ConstCounter::new(count).encode(self.0.encode_descriptor(name, help, None, ConstCounter::<u64>::TYPE)?)
    }

    fn gauge(&mut self, name: &str, help: &str, value: i64) -> Result<(), fmt::Error> {
        ConstGauge::new(value).encode(self.0.encode_descriptor(name, help, None, ConstGauge::<i64>::TYPE)?)
    }
}
