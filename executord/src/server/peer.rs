//! The policy that decides which users may connect.

use std::io;

use nix::unistd::{Gid, Group, Uid, User};
use tokio::net::UnixStream;

use crate::config::{Config, UidRange};

/// A peer that may send requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Peer {
    pub(crate) uid: u32,
    /// Whether it may say for which client it sends a request. Root, webd and noded may; another user could invent clients, and
    /// so take the turns of others.
    pub(crate) may_name_clients: bool,
}

/// Policy that decides which users may connect: root, webd's user and the members of the socket's group; never a sandboxed program.
#[derive(Clone, Debug)]
pub(crate) struct PeerPolicy {
    webd_user: String,
    noded_user: String,
    group: String,
    sandbox_uids: UidRange,
}

/// Reason for which a peer is refused, worded for the peer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("sandboxed programs may not request executions")]
    Program,
    #[error("only root, {webd_user} and members of the group {group} may request executions")]
    Stranger { webd_user: String, group: String },
    #[error("cannot read the peer's credentials: {0}")]
    NoCredentials(#[from] io::Error),
}

impl PeerPolicy {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            webd_user: config.webd_user.clone(),
            noded_user: config.noded_user.clone(),
            group: config.socket_group().to_owned(),
            sandbox_uids: config.uids,
        }
    }

    /// Checks the peer by its user (`SO_PEERCRED`). Its process id is not used, because it may be reused by now.
    pub(crate) fn check(&self, stream: &UnixStream) -> Result<Peer, Refusal> {
        let credentials = stream.peer_cred()?;
        let (uid, gid) = (credentials.uid(), credentials.gid());
        if (self.sandbox_uids.first..=self.sandbox_uids.last).contains(&uid) {
            return Err(Refusal::Program);
        }
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let is_webd = user.as_ref().is_some_and(|user| user.name == self.webd_user);
        let is_noded = user.as_ref().is_some_and(|user| user.name == self.noded_user);
        if uid == 0 || is_webd || user.is_some_and(|user| self.is_member(&user, gid)) {
            return Ok(Peer { uid, may_name_clients: uid == 0 || is_webd || is_noded });
        }
        Err(Refusal::Stranger { webd_user: self.webd_user.clone(), group: self.group.clone() })
    }

    fn is_member(&self, user: &User, gid: u32) -> bool {
        let Ok(Some(group)) = Group::from_name(&self.group) else { return false };
        group.gid == Gid::from_raw(gid) || group.gid == user.gid || group.mem.contains(&user.name)
    }
}
