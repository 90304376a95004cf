//! Which request gets which answer.

use std::convert::Infallible;
use std::net::IpAddr;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{metrics, topology, watching};
use crate::error::Stopped;
use crate::node::{ConnectionInfo, Node, Status};

/// What goes back.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

const INDEX: &str = "A peerglass node.\n\n\
    /status     how it stands, as JSON\n\
    /metrics    counts for Prometheus\n\
    /topology   routing table and connections, as node-link JSON\n\
    /records    every record from now on, as JSON Lines; ?capture=operations, summary or full, &filter=FILTER\n\n\
    Look at it with: peerglass inspect --live ADDRESS\n";

/// Answers one request.
pub(super) async fn answer(request: Request<Incoming>, node: Node) -> Result<Response<Body>, Infallible> {
    // None of them has a body that matters.
    let (request, _) = request.into_parts();
    Ok(match check(&request) {
        Ok(()) => route(&request, &node).await.unwrap_or_else(|Stopped| refuse(StatusCode::SERVICE_UNAVAILABLE, &Stopped.to_string())),
        Err((status, why)) => refuse(status, why),
    })
}

async fn route(request: &Parts, node: &Node) -> Result<Response<Body>, Stopped> {
    Ok(match request.uri.path() {
        "/" => plain("text/plain; charset=utf-8", INDEX),
        "/status" => plain("application/json", status(&node.status().await?).to_string()),
        "/metrics" => plain(metrics::TYPE, metrics::of(&node.status().await?)),
        "/topology" => plain("application/json", topology::of(node.info().await?, &node.status().await?, &node.contacts().await?).to_string()),
        "/records" => match watching::Asked::from_query(request.uri.query().unwrap_or_default()) {
            Ok(asked) => watching::stream(node, asked).await?,
            Err(why) => refuse(StatusCode::BAD_REQUEST, &why),
        },
        _ => refuse(StatusCode::NOT_FOUND, "there is nothing of this name: / tells what there is"),
    })
}

/// Whether a request is one of a program that was given this address, and not of a page in a browser.
fn check(request: &Parts) -> Result<(), (StatusCode, &'static str)> {
    if request.method != Method::GET && request.method != Method::HEAD {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "this port only tells: GET is all it knows"));
    }
    let header = |name| request.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = header(header::HOST).or_else(|| request.uri.authority().map(|authority| authority.as_str()));
    if !host.is_some_and(is_address) {
        return Err((StatusCode::FORBIDDEN, "the host must be an address or localhost: this port is not for pages in browsers"));
    }
    let own = |origin: &str| origin.strip_prefix("http://").is_some_and(|origin| Some(origin) == host);
    match header(header::ORIGIN) {
        Some(origin) if !own(origin) => Err((StatusCode::FORBIDDEN, "this port is not for pages in browsers")),
        _ => Ok(()),
    }
}

/// Whether this is an IP address or `localhost`, with a port or without.
fn is_address(host: &str) -> bool {
    let without_port = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(host, _)| host),
    };
    without_port == "localhost" || without_port.parse::<IpAddr>().is_ok()
}

pub(super) fn plain(kind: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    with(StatusCode::OK, kind, Full::new(text.into()).boxed_unsync())
}

pub(super) fn refuse(status: StatusCode, why: &str) -> Response<Body> {
    with(status, "text/plain; charset=utf-8", Full::new(Bytes::from(format!("{why}\n"))).boxed_unsync())
}

pub(super) fn with(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [(header::CONTENT_TYPE, kind), (header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::CACHE_CONTROL, "no-store")] {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}

fn status(status: &Status) -> Value {
    let connection = |connection: &ConnectionInfo| {
        let ConnectionInfo { address, dialled, for_the_last } = connection;
        json!({ "address": address.to_string(), "dialled": dialled, "seconds": for_the_last.as_secs_f64() })
    };
    let peers = status
        .peers
        .iter()
        .map(|(id, connections)| json!({ "peer": id.to_string(), "connections": connections.iter().map(connection).collect::<Vec<_>>() }));
    let texts = |addresses: &[libp2p::Multiaddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (all, recording) = (status.totals.all(), &status.recording);
    json!({
        "program": "peerglass",
        "version": env!("CARGO_PKG_VERSION"),
        "peer": status.id.to_string(),
        "network": status.network.to_string(),
        "mode": if status.mode == peerglass_kad::Mode::Server { "server" } else { "client" },
        "running_for_seconds": status.running_for.as_secs_f64(),
        "listening_on": texts(&status.addresses),
        "reachable_at": texts(&status.reachable_at),
        "connected": peers.collect::<Vec<_>>(),
        "contacts": status.contacts,
        "known_peers": status.known_peers,
        "messages": { "sent": all.sent, "received": all.delivered, "dropped": all.dropped, "bytes_sent": all.bytes_sent, "bytes_received": all.bytes_delivered },
        "records": { "made": recording.records, "watchers": recording.watchers, "lost_to_watchers": recording.lost_to_watchers, "error": recording.error },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(host: &str, origin: Option<&str>, method: Method) -> u16 {
        let mut request = Request::builder().uri("/status").method(method).header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        check(&request.body(()).unwrap().into_parts().0).map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn pages_in_browsers_get_nothing() {
        for host in ["127.0.0.1:4180", "[::1]:4180", "localhost", "192.0.2.7"] {
            assert_eq!(asked(host, None, Method::GET), 200, "{host}");
        }
        for host in ["evil.example:4180", "127.0.0.1.evil.example", "", "[evil]:1", "localhost.evil.example"] {
            assert_eq!(asked(host, None, Method::GET), 403, "{host}");
        }
        assert_eq!(asked("127.0.0.1:4180", Some("http://127.0.0.1:4180"), Method::GET), 200);
        for origin in ["http://evil.example", "null", "https://127.0.0.1:4180"] {
            assert_eq!(asked("127.0.0.1:4180", Some(origin), Method::GET), 403, "{origin}");
        }
        assert_eq!(asked("127.0.0.1", None, Method::POST), 405);
    }
}
