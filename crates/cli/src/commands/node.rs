//! `peerglass node`: serve what was shared before, until told to stop.

use serde::Serialize;

use crate::args::NodeCommandArgs;
use crate::failure::{Failure, While};
use crate::output::Output;
use crate::running::{self, Home};

#[derive(Serialize)]
struct Shown {
    peer: String,
    addresses: Vec<String>,
    shares: Vec<Share>,
}

#[derive(Serialize)]
struct Share {
    cid: String,
    path: String,
}

/// Runs the command.
pub(crate) async fn run(args: &NodeCommandArgs, output: Output) -> Result<(), Failure> {
    let home = Home::of(&args.node)?;
    let node = running::start(&args.node, &home, output).await?;
    let first = async {
        let info = node.info().await.while_doing(|| "ask the node for its addresses".to_owned())?;
        let roots = node.store().roots().while_doing(|| "list what is shared".to_owned())?;
        let shown = Shown {
            peer: info.id.to_string(),
            addresses: info.addresses.iter().map(|address| format!("{address}/p2p/{}", info.id)).collect(),
            shares: roots.iter().map(|root| Share { cid: root.cid.to_string(), path: root.path.display().to_string() }).collect(),
        };
        let list = |items: Vec<String>| items.iter().map(|item| format!("\n  {item}")).collect::<String>();
        let shares = shown.shares.iter().map(|share| format!("{}  {}", share.cid, share.path)).collect();
        output.result(
            &shown,
            format_args!(
                "peer {}\naddresses (others join with --bootstrap ADDRESS):{}\nshares:{}",
                shown.peer,
                list(shown.addresses.clone()),
                list(shares)
            ),
        );
        Ok(())
    };
    running::serve(&node, first, output).await
}
