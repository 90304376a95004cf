//! A small client for HTTP/1.1 without encryption: for the control port of a node, and for a collector of traces.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a server may take to be reached, and to begin its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read whole.
const LONGEST: usize = 16 << 20;

/// Why a request came to nothing.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The address cannot be used.
    #[error("{0} is not an address to connect to: it looks like 127.0.0.1:4180 or http://127.0.0.1:4318")]
    Address(String),
    /// The address asks for encryption.
    #[error("{0} asks for encryption, which this client does not speak: use http://, on the same machine or through a tunnel")]
    Encrypted(String),
    /// Nobody is there.
    #[error("nobody answers at {address} ({why}): check the address, and that the program there runs")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system said.
        why: String,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("the connection to {address} broke ({why})")]
    Broken {
        /// Where.
        address: String,
        /// What went wrong.
        why: String,
    },
    /// The server refuses.
    #[error("{address} answers {status}: {text}")]
    Refused {
        /// Where.
        address: String,
        /// With which status.
        status: u16,
        /// What it says.
        text: String,
    },
}

/// A server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Host and port.
    address: String,
    /// What paths begin with.
    base: String,
}

impl Server {
    /// The server at `http://HOST:PORT[/PATH]`, or `HOST:PORT`.
    ///
    /// # Errors
    ///
    /// When that is no address, or one of `https`.
    pub fn at(address: &str) -> Result<Self, HttpError> {
        let bad = || HttpError::Address(address.to_owned());
        if address.starts_with("https:") {
            return Err(HttpError::Encrypted(address.to_owned()));
        }
        let full = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let uri: Uri = full.parse().map_err(|_| bad())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(bad)?;
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self { address: format!("{}:{port}", authority.host()), base: uri.path().trim_end_matches('/').to_owned() })
    }

    /// Asks for `path`; gives what comes once the server has said that it is fine.
    ///
    /// # Errors
    ///
    /// When nobody is there, the connection breaks, or the answer is no success.
    pub async fn get(&self, path: &str) -> Result<Answer, HttpError> {
        let request = Request::get(format!("{}{path}", self.base)).header(header::HOST, &self.address);
        self.send(request.body(Full::default()).map_err(|_| HttpError::Address(path.to_owned()))?).await
    }

    /// Sends a document of JSON to `path`.
    ///
    /// # Errors
    ///
    /// When nobody is there, the connection breaks, or the answer is no success.
    pub async fn post_json(&self, path: &str, json: Vec<u8>) -> Result<(), HttpError> {
        let request = Request::post(format!("{}{path}", self.base)).header(header::HOST, &self.address);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Full::new(Bytes::from(json))).map_err(|_| HttpError::Address(path.to_owned()))?).await?.whole().await.map(|_| ())
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, HttpError> {
        let address = &self.address;
        let unreachable = |why: String| HttpError::Unreachable { address: address.clone(), why };
        let broken = |why: String| HttpError::Broken { address: address.clone(), why };
        let slow = || "it took too long".to_owned();
        let stream =
            timeout(PATIENCE, TcpStream::connect(address)).await.map_err(|_| unreachable(slow()))?.map_err(|error| unreachable(error.to_string()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(error.to_string()))?;
        // It ends with the answer, or with whoever reads it.
        tokio::spawn(connection);
        let response =
            timeout(PATIENCE, sender.send_request(request)).await.map_err(|_| broken(slow()))?.map_err(|error| broken(error.to_string()))?;
        let status = response.status();
        let answer = Answer { address: address.clone(), body: response.into_body() };
        if status.is_success() { Ok(answer) } else { Err(answer.refusal(status).await) }
    }
}

/// What a server says.
#[derive(Debug)]
pub struct Answer {
    address: String,
    body: Incoming,
}

impl Answer {
    /// The next piece of it, as it comes; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => return Err(HttpError::Broken { address: self.address.clone(), why: error.to_string() }),
            }
        }
    }

    /// All of it.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or the answer is longer than is sensible.
    pub async fn whole(mut self) -> Result<Vec<u8>, HttpError> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
            if all.len() > LONGEST {
                return Err(HttpError::Broken { address: self.address, why: format!("the answer is longer than {LONGEST} bytes") });
            }
        }
        Ok(all)
    }

    async fn refusal(self, status: StatusCode) -> HttpError {
        let address = self.address.clone();
        let text = self.whole().await.unwrap_or_default();
        let text = String::from_utf8_lossy(&text).chars().filter(|c| !c.is_control()).take(500).collect();
        HttpError::Refused { address, status: status.as_u16(), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood_or_refused_with_a_reason() {
        let at = |address: &str| Server::at(address).map(|server| (server.address, server.base)).map_err(|error| error.to_string());
        let found = |address: &str, base: &str| Ok((address.to_owned(), base.to_owned()));
        assert_eq!(at("127.0.0.1:4180"), found("127.0.0.1:4180", ""));
        assert_eq!(at("http://[::1]:4318/otel/"), found("[::1]:4318", "/otel"));
        assert_eq!(at("http://localhost"), found("localhost:80", ""));
        assert!(at("https://collector").unwrap_err().contains("encryption"));
        for bad in ["", "ftp://a", "http://", "a b", "/path"] {
            assert!(at(bad).unwrap_err().contains("is not an address"), "{bad}");
        }
    }
}
