//! Who is on the other end of a connection, and whether they may be.

use std::io;

use nix::unistd::{Gid, Group, Uid, User};
use tokio::net::UnixStream;

use crate::config::{Config, UidRange};

/// A peer that may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Peer {
    pub(crate) uid: u32,
}

/// Who may connect.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    webd_user: String,
    group: String,
    runs: UidRange,
}

/// Why a peer may not ask, in words for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("programs cannot ask for executions")]
    Program,
    #[error("only root, {webd_user} and members of the group {group} may ask for executions")]
    Stranger { webd_user: String, group: String },
    #[error("the peer's identity is not known: {0}")]
    Unknown(#[from] io::Error),
}

impl Door {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            webd_user: config.webd_user.clone(),
            group: config.socket_group().to_owned(),
            runs: config.uids,
        }
    }

    /// Check who connected. The user is what counts: a process id may be another's by now.
    pub(crate) fn admit(&self, stream: &UnixStream) -> Result<Peer, Refused> {
        let credentials = stream.peer_cred()?;
        let (uid, gid) = (credentials.uid(), credentials.gid());
        if (self.runs.first..=self.runs.last).contains(&uid) {
            return Err(Refused::Program);
        }
        if uid == 0 || self.is_member(uid, gid) {
            return Ok(Peer { uid });
        }
        Err(Refused::Stranger { webd_user: self.webd_user.clone(), group: self.group.clone() })
    }

    fn is_member(&self, uid: u32, gid: u32) -> bool {
        let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else { return false };
        if user.name == self.webd_user {
            return true;
        }
        let Ok(Some(group)) = Group::from_name(&self.group) else { return false };
        group.gid == Gid::from_raw(gid) || group.gid == user.gid || group.mem.contains(&user.name)
    }
}
