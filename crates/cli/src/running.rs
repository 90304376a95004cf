//! What the commands that run a node share: where it lives, starting it, and stopping it when somebody presses Ctrl-C.

use std::collections::BTreeSet;
use std::fs;
use std::future::Future;
use std::ops::Deref;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use peerglass_node::{Network, Node, Notice, Options, StartError};
use peerglass_store::{Cid, OpenError};
use tokio::sync::broadcast::error::RecvError;

use crate::args::{self, NodeArgs};
use crate::failure::{Code, Failure, While};
use crate::observing::Observing;
use crate::output::Output;
use crate::recording;

impl args::Network {
    pub(crate) fn resolve(self) -> Network {
        match self {
            args::Network::Lan => Network::Lan,
            args::Network::Private => Network::Private,
            args::Network::Ipfs => Network::Ipfs,
        }
    }
}

/// The directory a node keeps its key and store in.
pub(crate) struct Home {
    path: PathBuf,
    /// Whether it is only for this one command.
    passing: bool,
}

impl Home {
    /// As named, or the platform's.
    pub(crate) fn of(args: &NodeArgs) -> Result<Self, Failure> {
        let path = match &args.data_dir {
            Some(path) => path.clone(),
            None => platform_data_dir()?,
        };
        Ok(Self { path, passing: false })
    }

    /// A directory for this process alone, below the platform's.
    fn passing(&self) -> Self {
        Self { path: self.path.join("share").join(std::process::id().to_string()), passing: true }
    }

    /// As named, or one for this content: so that fetches run side by side, and a second run of the same command finds what the first one got.
    pub(crate) fn for_getting(args: &NodeArgs, cid: &Cid) -> Result<Self, Failure> {
        let home = Self::of(args)?;
        if args.data_dir.is_some() { Ok(home) } else { Ok(Self { path: home.path.join("get").join(cid.to_string()), passing: true }) }
    }

    /// What the directory was for is done.
    pub(crate) fn done(&self) {
        if self.passing {
            // What cannot be removed now is found and used again by the same command.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Where programs of this platform keep a user's data (XDG base directories; Apple's and Microsoft's guidelines).
fn platform_data_dir() -> Result<PathBuf, Failure> {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let dir = if cfg!(target_os = "macos") {
        var("HOME").map(|home| home.join("Library/Application Support"))
    } else if cfg!(windows) {
        var("LOCALAPPDATA")
    } else {
        var("XDG_DATA_HOME").or_else(|| var("HOME").map(|home| home.join(".local/share")))
    };
    dir.map(|dir| dir.join("peerglass")).ok_or_else(|| {
        Failure::new(Code::Usage, "find the user's data directory", "neither HOME nor XDG_DATA_HOME is set: name a directory with --data-dir")
    })
}

/// A node that runs, and what lets it be looked at.
pub(crate) struct Running {
    node: Node,
    observing: Observing,
}

impl Deref for Running {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

/// Starts a node and waits until it has joined, as far as it goes.
pub(crate) async fn start(args: &NodeArgs, home: &Home, output: Output) -> Result<Running, Failure> {
    let node = Node::start(options(args, home)?).await.while_doing(|| "start the node".to_owned())?;
    join(node, args, output).await
}

/// The same for sharing. When another peerglass uses the platform's directory, this one goes on from a passing one: files are shared in place, so nothing is lost
/// with it.
pub(crate) async fn start_sharing(args: &NodeArgs, output: Output) -> Result<(Running, Home), Failure> {
    let mut home = Home::of(args)?;
    let mut started = Node::start(options(args, &home)?).await;
    if args.data_dir.is_none() && matches!(started, Err(StartError::Store(OpenError::InUse(_)))) {
        home = home.passing();
        started = Node::start(options(args, &home)?).await;
    }
    let node = started.while_doing(|| "start the node".to_owned())?;
    Ok((join(node, args, output).await?, home))
}

/// The same for a fetch that gives up after `patience` without a block.
pub(crate) async fn start_patient(args: &NodeArgs, home: &Home, patience: Duration, output: Output) -> Result<Running, Failure> {
    let mut options = options(args, home)?;
    let mut config = options.network.stack_config();
    config.transfer.patience = patience;
    config.transfer.patience_alone = config.transfer.patience_alone.min(patience);
    options.stack = Some(config);
    let node = Node::start(options).await.while_doing(|| "start the node".to_owned())?;
    join(node, args, output).await
}

/// What the command line says of the node.
fn options(args: &NodeArgs, home: &Home) -> Result<Options, Failure> {
    let parse = |list: &[String], what: &str| {
        list.iter()
            .map(|text| text.parse().blaming_input(|| format!("read {what} {text} as a multiaddr, like /ip4/192.0.2.1/tcp/4001")))
            .collect::<Result<Vec<_>, _>>()
    };
    let mut options = Options::new(&home.path);
    options.network = args.network.resolve();
    options.listen = parse(&args.listen, "--listen")?;
    options.bootstrap = parse(&args.bootstrap, "--bootstrap")?;
    options.recorder =
        args.record.as_deref().map(|path| recording::of_node(path, &options.network.to_string(), args.capture.resolve())).transpose()?;
    Ok(options)
}

/// Waits until a node that was told whom to join through has done so. Ctrl-C breaks it off.
async fn join(node: Node, args: &NodeArgs, output: Output) -> Result<Running, Failure> {
    let observing = match Observing::start(&node, args, output).await {
        Ok(observing) => observing,
        Err(failure) => {
            // It was not looked at, so there is nothing that could be lost.
            let _ = node.shutdown().await;
            return Err(failure);
        }
    };
    let running = Running { node, observing };
    if args.bootstrap.is_empty() {
        return Ok(running);
    }
    let report = tokio::select! {
        report = running.joined() => report,
        () = interruption() => return stop(&running, Err(interrupted()), output).await,
    };
    let failures = report.failures.iter().map(|(address, why)| format!("{address}: {why}"));
    if report.contacts == 0 {
        let reasons: String = failures.map(|failure| format!("\n  {failure}")).collect();
        let why = format!("none of the --bootstrap peers answered: check that they run and that the addresses are right{reasons}");
        return stop(&running, Err(Failure::new(Code::Failed, "join the network", why)), output).await;
    }
    failures.for_each(|failure| output.warn(format_args!("could not join through {failure}")));
    Ok(running)
}

pub(crate) fn interrupted() -> Failure {
    Failure::new(Code::Interrupted, "finish", "interrupted; run the same command again to go on")
}

/// Does `work`, which has an end, and stops the node. Ctrl-C (or the system's wish that it terminate) breaks it off.
pub(crate) async fn until_done<T>(running: &Running, work: impl Future<Output = Result<T, Failure>>, output: Output) -> Result<T, Failure> {
    let result = tokio::select! {
        result = work => result,
        failure = report_notices(running, output) => Err(failure),
        () = interruption() => Err(interrupted()),
    };
    stop(running, result, output).await
}

/// Does `first`, then serves until Ctrl-C, which is the way to end it, and stops the node.
pub(crate) async fn serve(running: &Running, first: impl Future<Output = Result<(), Failure>>, output: Output) -> Result<(), Failure> {
    let interruption = interruption();
    let serving = async {
        first.await?;
        output.say("serving; press Ctrl-C to stop");
        std::future::pending().await
    };
    let result = tokio::select! {
        result = serving => result,
        failure = report_notices(running, output) => Err(failure),
        () = interruption => Ok(()),
    };
    stop(running, result, output).await
}

async fn stop<T>(running: &Running, result: Result<T, Failure>, output: Output) -> Result<T, Failure> {
    let stopped = running.shutdown().await;
    running.observing.finish(output).await;
    let value = result?;
    stopped.while_doing(|| "write all records (make room, or choose another place with --record; what is whole can be read)".to_owned())?;
    Ok(value)
}

/// One wait for Ctrl-C through several pieces of work, so that it is heard between them too.
pub(crate) type Interruption = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Waits for Ctrl-C, or on Unix for the signal that asks to terminate.
///
/// They are caught from this call on, and not only once the future is polled: who has been told to press Ctrl-C may do so at once.
pub(crate) fn interruption() -> impl Future<Output = ()> + Send {
    #[cfg(unix)]
    let (mut interrupt, mut terminate) = {
        use tokio::signal::unix::{SignalKind, signal};
        (signal(SignalKind::interrupt()).ok(), signal(SignalKind::terminate()).ok())
    };
    #[cfg(windows)]
    let (mut interrupt, mut terminate) = (tokio::signal::windows::ctrl_c().ok(), tokio::signal::windows::ctrl_close().ok());
    async move {
        tokio::select! {
            // A signal that cannot be caught ends the process by itself.
            Some(_) = async { interrupt.as_mut()?.recv().await } => {}
            Some(_) = async { terminate.as_mut()?.recv().await } => {}
            else => std::future::pending().await,
        }
    }
}

/// Tells what the node notices that somebody should do something about, until the node stops.
async fn report_notices(running: &Running, output: Output) -> Failure {
    let mut notices = running.notices();
    let mut told = BTreeSet::new();
    let traces = running.observing.report(output);
    tokio::pin!(traces);
    loop {
        let notice = tokio::select! {
            notice = notices.recv() => notice,
            () = &mut traces => continue,
        };
        match notice {
            // Once a file, not once a block of it.
            Ok(Notice::Unreadable { file: Some(file), why, .. }) => {
                if told.insert(file) {
                    output.warn(why);
                }
            }
            Ok(Notice::Unreadable { why, .. } | Notice::Unstorable { why, .. }) => output.warn(why),
            Ok(Notice::ShutOut { peer, why }) => output.warn(format_args!("peer {peer} is cut off: {why}")),
            Ok(Notice::RecordingEnded { why }) => {
                output.warn(format_args!(
                    "nothing more is recorded ({why}): make room, or record elsewhere with --record; what was recorded can be read"
                ));
            }
            Ok(Notice::ListenerClosed { why, .. }) => output.warn(format_args!("not listening any more: {why}")),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Failure::new(Code::Failed, "go on", peerglass_node::Stopped),
        }
    }
}
