//! `peerglass share`: share files and directories until Ctrl-C.

use std::path::Path;

use peerglass_node::{Network, Node, Shared};
use peerglass_store::import::measure;
use peerglass_store::{HashKind, ImportOptions};
use serde::Serialize;

use crate::args::{Hash, ShareArgs};
use crate::failure::{Failure, While};
use crate::output::{Output, Units, count};
use crate::running;

/// Runs the command.
pub(crate) async fn run(args: &ShareArgs, output: Output) -> Result<(), Failure> {
    let network = args.node.network.resolve();
    let options = ImportOptions { hash: hash(args.hash, network), hidden: args.hidden, ..ImportOptions::default() };
    // A misspelt path is said before anything is served.
    let sizes = args.paths.iter().map(|path| measure(path, &options).blaming_input(|| "share".to_owned())).collect::<Result<Vec<_>, _>>()?;
    let (node, home) = running::start_sharing(&args.node, output).await?;
    let first = async {
        for (path, bytes) in args.paths.iter().zip(sizes) {
            share(&node, (path, bytes), options, network, output).await?;
        }
        Ok(())
    };
    let served = running::serve(&node, first, output).await;
    home.done();
    served
}

/// SHA2-256 where peers may know nothing else.
fn hash(asked: Option<Hash>, network: Network) -> HashKind {
    match (asked, network) {
        (Some(Hash::Sha256), _) | (None, Network::Ipfs) => HashKind::Sha256,
        (Some(Hash::Blake3) | None, _) => HashKind::Blake3,
    }
}

#[derive(Serialize)]
struct Shown {
    path: String,
    cid: String,
    ticket: String,
    bytes: u64,
    command: String,
}

async fn share(node: &Node, (path, total): (&Path, u64), options: ImportOptions, network: Network, output: Output) -> Result<(), Failure> {
    let shown = path.display().to_string();
    let bar = output.bar("reading", Units::Bytes, total);
    let shared = node.share(path, options, move |bytes| bar.set(bytes, total)).await.while_doing(|| "share".to_owned())?;
    let Shared { imported, ticket } = &shared;
    let command = format!("peerglass get {ticket} -o {}{}", quoted(path), on(network));
    let result = Shown { path: shown.clone(), cid: imported.root.to_string(), ticket: ticket.to_string(), bytes: imported.bytes, command };
    output.result(
        &result,
        format_args!("{shown}\n  CID      {}\n  ticket   {}\n  on the other side:\n    {}\n", result.cid, result.ticket, result.command),
    );
    for skipped in &imported.skipped {
        output.warn(format_args!("not shared, because it is neither file, directory nor link: {}", skipped.display()));
    }
    announce(node, &shared, output).await
}

/// Tells the DHT. That nobody is there to be told is normal for the first peer of a network: the ticket works all the same.
async fn announce(node: &Node, shared: &Shared, output: Output) -> Result<(), Failure> {
    match node.announce(shared.imported.root).await.while_doing(|| "announce what is shared".to_owned())? {
        0 => output.say("nobody to announce it to yet: the ticket works, and newcomers are told as they come"),
        peers => output.say(format_args!("announced to {}", count(peers as u64, "peer"))),
    }
    Ok(())
}

/// What the other side has to say of the network: nothing if it is the one that they are on anyway.
fn on(network: Network) -> String {
    if network == Network::Lan { String::new() } else { format!(" --network {network}") }
}

/// The file's name as one word of a shell.
fn quoted(path: &Path) -> String {
    let name = path.file_name().map_or_else(|| "shared".into(), |name| name.to_string_lossy());
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(plain) {
        name.into_owned()
    } else {
        format!("'./{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_word_in_a_shell_whatever_they_hold() {
        assert_eq!(quoted("a/holiday.mp4".as_ref()), "holiday.mp4");
        assert_eq!(quoted("it's $HOME".as_ref()), r"'./it'\''s $HOME'");
        assert_eq!(quoted("-rf".as_ref()), "'./-rf'");
        assert_eq!(quoted("/".as_ref()), "shared");
    }
}
