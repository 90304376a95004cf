//! The real thing: a file shared by one node and fetched by another, verified block by block, written into its place.

use std::error::Error;
use std::time::Instant;

use peerglass_node::{Get, Node, Options, Ticket};
use peerglass_store::ImportOptions;

/// Shares `file`, prints its ticket, and serves it until killed.
pub(crate) async fn serve(data: &str, file: &str, listen: &str) -> Result<(), Box<dyn Error>> {
    let mut options = Options::new(data);
    options.listen = vec![listen.parse()?];
    let node = Node::start(options).await?;
    let shared = node.share(file.as_ref(), ImportOptions::default(), |_| {}).await?;
    println!("{}", shared.ticket);
    std::future::pending().await
}

/// Fetches once and prints what it took.
pub(crate) async fn fetch(data: &str, ticket: Ticket, out: &str) -> Result<(), Box<dyn Error>> {
    let mut options = Options::new(data);
    options.listen = vec!["/ip4/127.0.0.1/tcp/0".parse()?];
    let node = Node::start(options).await?;
    let started = Instant::now();
    let fetched = node.get(Get::by_ticket(&ticket, out), |_| {}).await?;
    let seconds = started.elapsed().as_secs_f64();
    let bytes = fetched.finished.progress.total;
    super::report(bytes, seconds);
    node.shutdown().await?;
    Ok(())
}
