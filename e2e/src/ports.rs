//! Ports of loopback for servers that tests start.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;

/// Returns an address of loopback at which nothing listens. No other process of tests gets it until this one ends, also
/// in the time before the server binds it.
///
/// # Errors
/// If there is no free port.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    loop {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        if reserve(address.port())? {
            return Ok(address);
        }
    }
}

/// Returns whether the port has become this process's: it then holds an abstract socket of that name, which, like the
/// port, is in its network namespace, and which ends with it; see unix(7).
fn reserve(port: u16) -> io::Result<bool> {
    let name = net::SocketAddr::from_abstract_name(format!("executor-e2e-port-{port}"))?;
    match net::UnixDatagram::bind_addr(&name) {
        Ok(socket) => {
            std::mem::forget(socket);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_reserved_once() {
        let address = free_address().unwrap();
        assert!(address.ip().is_loopback());
        assert!(!reserve(address.port()).unwrap());
        assert_ne!(free_address().unwrap(), address);
    }
}
