//! Who is waiting for which operation.
//!
//! Every command that starts an operation of a child protocol leaves a line here: the operation's number and what to do with its answer. A line goes
//! when its operation ends, so there are never more lines than the children's own bounds on operations.

use peerglass_core::Operation;

use crate::Tag;

/// What an operation of a child protocol is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Purpose {
    /// Joining the network.
    Join,
    /// Announcing that a DAG is here.
    Share { tag: Tag },
    /// Finding peers, for the application.
    FindNode { tag: Tag },
    /// Finding providers, for the application.
    FindProviders { tag: Tag },
    /// Finding providers, for a fetch of block exchange.
    Sources { fetch: Operation },
    /// Storing a value.
    Put { tag: Tag },
    /// Finding a value.
    Get { tag: Tag },
    /// Fetching a DAG.
    Fetch { tag: Tag },
}

impl Purpose {
    /// The tag of the command behind it.
    pub(crate) fn tag(&self) -> Option<Tag> {
        match self {
            Purpose::Share { tag }
            | Purpose::FindNode { tag }
            | Purpose::FindProviders { tag }
            | Purpose::Put { tag }
            | Purpose::Get { tag }
            | Purpose::Fetch { tag } => Some(*tag),
            Purpose::Join | Purpose::Sources { .. } => None,
        }
    }
}

/// The operations under way and what they are for. There are few at a time, so a list beats a map, and an idle peer holds no memory here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asks(Vec<(Operation, Purpose)>);

impl Asks {
    pub(crate) fn add(&mut self, operation: Operation, purpose: Purpose) {
        self.0.push((operation, purpose));
    }

    pub(crate) fn get(&self, operation: Operation) -> Option<Purpose> {
        self.0.iter().find(|(asked, _)| *asked == operation).map(|(_, purpose)| *purpose)
    }

    pub(crate) fn end(&mut self, operation: Operation) -> Option<Purpose> {
        let at = self.0.iter().position(|(asked, _)| *asked == operation)?;
        let (_, purpose) = self.0.remove(at);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
        Some(purpose)
    }

    /// The operations that answer the command with this tag.
    pub(crate) fn of_tag(&self, tag: Tag) -> Vec<Operation> {
        self.0.iter().filter(|(_, purpose)| purpose.tag() == Some(tag)).map(|(operation, _)| *operation).collect()
    }

    /// The search for sources that runs for this fetch.
    pub(crate) fn sources_of(&self, fetch: Operation) -> Option<Operation> {
        self.0.iter().find(|(_, purpose)| *purpose == Purpose::Sources { fetch }).map(|(operation, _)| *operation)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
