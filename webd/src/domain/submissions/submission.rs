//! A submission and its states.

use std::net::IpAddr;

use bytes::Bytes;
use keys::KeyName;
use serde::Serialize;
use uuid::Uuid;

use crate::domain::caller::{Caller, Credential};
use crate::domain::client_identity::ClientIdentity;

/// Where a submission is in its life. The last four are final: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum SubmissionState {
    /// It is stored and waits.
    Queued,
    /// It runs. After a crash of webd it is queued again.
    Running,
    /// It ran, and its answer is stored.
    Finished,
    /// It could not be run, and the error is stored.
    Failed,
    /// The client cancelled it.
    Cancelled,
    /// It waited for too long.
    Expired,
}

/// Whose submission it is: all that have one key, or everybody without a key. An anonymous submission is protected by
/// its token alone, because an address may change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner(pub(crate) KeyName);

/// A submission that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewSubmission {
    /// Its id, which is its token.
    pub(crate) id: Uuid,
    /// Whose it is.
    pub(crate) owner: Owner,
    /// The address of the client.
    pub(crate) address: IpAddr,
    /// The request, in JSON.
    pub(crate) body: Bytes,
    /// The URL that is called when it has reached its final state.
    pub(crate) callback: Option<String>,
}

/// A submission as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Submission {
    /// Its id, which is its token.
    pub(crate) id: Uuid,
    /// Where it is in its life.
    pub(crate) state: SubmissionState,
    /// When it was stored, when it was last started, and when it reached its final state; in milliseconds since 1970.
    pub(crate) created: u64,
    /// See `created`.
    pub(crate) started: Option<u64>,
    /// See `created`.
    pub(crate) finished: Option<u64>,
    /// The answer, or the error, in JSON. A list of submissions leaves it out.
    pub(crate) result: Option<Bytes>,
    /// The events, if the store has these instead of the answer.
    #[cfg(feature = "cluster")]
    pub(crate) recording: Option<Recording>,
}

/// The events of an execution that ran on another server, and how its answer is written.
#[cfg(feature = "cluster")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recording {
    /// All events. The last one is the outcome, or the reason why there is none.
    pub(crate) events: Vec<protocol::Event>,
    /// The encoding of the output in the answer.
    pub(crate) encoding: crate::domain::encoding::Encoding,
    /// Whether the answer has each output once.
    pub(crate) is_compact: bool,
}

/// A submission that was taken to be run.
#[derive(Clone, Debug)]
pub(crate) struct ClaimedSubmission {
    /// Its number in the store.
    pub(crate) number: i64,
    /// Its id.
    pub(crate) id: Uuid,
    /// Whose it is.
    pub(crate) owner: Owner,
    /// The address of the client.
    pub(crate) address: IpAddr,
    /// The request, in JSON.
    pub(crate) body: Bytes,
    /// How often it was taken, this time included.
    pub(crate) attempts: u32,
}

impl SubmissionState {
    /// All states, by their number in the store.
    pub(crate) const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Finished, Self::Failed, Self::Cancelled, Self::Expired];

    /// Returns the number in the store.
    pub(crate) fn number(self) -> i64 {
        Self::ALL.into_iter().zip(0..).find(|(state, _)| *state == self).map_or(0, |(_, number)| number)
    }

    /// Returns the position in [`Self::ALL`].
    pub(crate) fn index(self) -> usize {
        Self::ALL.into_iter().position(|state| state == self).unwrap_or_default()
    }

    /// Returns the name, as in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Returns the state with a number.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// Returns whether the state never changes.
    pub(crate) const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

impl Owner {
    /// Returns the owner of the submissions of a caller.
    pub(crate) fn of(caller: &Caller) -> Self {
        Self(caller.key_name().clone())
    }

    /// Returns the caller that submits from an address, with its key as it is now.
    pub(crate) fn caller(&self, address: IpAddr) -> Caller {
        let client = ClientIdentity::new(address, &[], &[]);
        let Self(name) = self;
        if name.is_anonymous() {
            return Caller::anonymous(client);
        }
        Caller::new(client, Credential::Name(name.clone()), name.clone())
    }
}

impl ClaimedSubmission {
    /// Returns the caller that submitted it, with its key as it is now.
    pub(crate) fn caller(&self) -> Caller {
        self.owner.caller(self.address)
    }
}
