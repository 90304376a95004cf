//! What lets a running node be looked at from outside: its control port, and the traces that it sends to a collector.

use peerglass_node::http::Server;
use peerglass_node::{Control, Node, Otlp};
use serde::Serialize;

use crate::args::NodeArgs;
use crate::failure::{Code, Failure, While};
use crate::output::{Output, count};

/// What was asked for of it, as long as this is kept.
pub(crate) struct Observing {
    _control: Option<Control>,
    otlp: Option<Otlp>,
}

#[derive(Serialize)]
struct Shown {
    control: String,
}

impl Observing {
    /// As the command line has it.
    pub(crate) async fn start(node: &Node, args: &NodeArgs, output: Output) -> Result<Self, Failure> {
        let mut control = None;
        if let Some(address) = args.control {
            let started = Control::start(node.clone(), address).await.blaming_input(|| "open the control port".to_owned())?;
            let shown = Shown { control: started.address().to_string() };
            if output.json {
                output.result(&shown, "");
            }
            output.say(format_args!("control port at http://{}/; look at it with: peerglass inspect --live {}", shown.control, shown.control));
            if !started.is_local() {
                output.warn("the control port can be reached from other machines, and whoever reaches it sees everything that this node does");
            }
            control = Some(started);
        }
        let mut otlp = None;
        if let Some(collector) = &args.otlp {
            let doing = || "send traces to a collector".to_owned();
            let collector = Server::at(collector).blaming_input(doing)?;
            let started = Otlp::start(node, collector).await.while_doing(doing)?;
            otlp = Some(started.ok_or_else(|| Failure::new(Code::Failed, doing(), "too many watch this node already"))?);
        }
        Ok(Self { _control: control, otlp })
    }

    /// Tells what goes wrong with it, as long as the node runs.
    pub(crate) async fn report(&self, output: Output) {
        let Some(otlp) = &self.otlp else { return std::future::pending().await };
        let (mut status, mut troubled) = (otlp.status(), false);
        while status.changed().await.is_ok() {
            let trouble = status.borrow_and_update().trouble.clone();
            match trouble {
                Some(why) if !troubled => output.warn(format_args!("traces cannot be sent, and wait: {why}")),
                None if troubled => output.say("traces are sent again"),
                _ => {}
            }
            troubled = status.borrow().trouble.is_some();
        }
        std::future::pending().await
    }

    /// Waits, once the node has stopped, until the last traces were sent, and says what was not.
    pub(crate) async fn finish(&self, output: Output) {
        let Some(otlp) = &self.otlp else { return };
        let status = otlp.finish().await;
        if status.lost > 0 {
            output.warn(format_args!("traces were lost, {} times a batch of them: the collector was away, or refused them", status.lost));
        }
        if status.records_lost > 0 {
            output.warn(format_args!("{} came too fast to be traced", count(status.records_lost, "record")));
        }
    }
}
