//! The keys of all processes that connect to NATS.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cluster::administration;
use cluster::permissions::{Role, server_configuration};
use cluster::subjects::Name;

use crate::failure::Failure;
use crate::output::Output;

/// File with the key of the administrator.
const ADMINISTRATOR: &str = "admin.nk";
/// Part of the configuration of each nats-server.
const CONFIGURATION: &str = "executor-users.conf";

/// Writes a key file for each process, unless it exists, and the part of the configuration that names them.
pub(super) async fn write(fronts: &[Name], nodes: &[Name], pool: &Name, out: &Path) -> Result<(), Failure> {
    let mut names: Vec<&Name> = fronts.iter().chain(nodes).collect();
    names.sort();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Failure::Usage(format!("two processes have the name {}", pair[0])));
    }
    if names.iter().any(|name| name.as_str() == "admin") {
        return Err(Failure::Usage("admin is the name of the administrator's key".to_owned()));
    }
    let fail = |what: &Path, error: &dyn std::fmt::Display| {
        Failure::Local(format!("cannot write {}: {error}", what.display()))
    };
    fs::create_dir_all(out).map_err(|error| fail(out, &error))?;
    let roles = std::iter::once((ADMINISTRATOR.to_owned(), Role::Administrator))
        .chain(fronts.iter().map(|name| (format!("{name}.nk"), Role::Webd(name.clone()))))
        .chain(nodes.iter().map(|name| (format!("{name}.nk"), Role::Noded(name.clone()))));
    let mut users = Vec::new();
    for (file, role) in roles {
        let path = out.join(file);
        let public_key = public_key(&path).map_err(|error| fail(&path, &error))?;
        users.push((role, public_key));
    }
    let configuration = out.join(CONFIGURATION);
    fs::write(&configuration, server_configuration(pool, &users))
        .map_err(|error| fail(&configuration, &error))?;
    let text = format!(
        "{} keys are in {}; include {} in the configuration of each nats-server\n",
        users.len(),
        out.display(),
        configuration.display()
    );
    Ok(Output::stdout().write(text.as_bytes()).await?)
}

/// Returns the public key of a key file, which is created if it does not exist.
fn public_key(path: &Path) -> Result<String, String> {
    let new = administration::new_key()?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            writeln!(file, "{}", new.seed)
                .and_then(|()| file.sync_all())
                .map_err(|error| error.to_string())?;
            Ok(new.public_key)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let seed = fs::read_to_string(path).map_err(|error| error.to_string())?;
            administration::public_key(&seed)
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn keys_are_written_once_and_only_their_owner_reads_them() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("keys");
        let name = |text: &str| text.parse::<Name>().unwrap();
        let (fronts, pool) = ([name("front")], name("main"));
        write(&fronts, &[name("node-1")], &pool, &out).await.unwrap();
        let seed = fs::read_to_string(out.join("node-1.nk")).unwrap();
        let configuration = fs::read_to_string(out.join(CONFIGURATION)).unwrap();
        assert!(configuration.contains(&administration::public_key(&seed).unwrap()));
        assert!(!configuration.contains(seed.trim()));
        assert_eq!(fs::metadata(out.join("node-1.nk")).unwrap().permissions().mode() & 0o777, 0o600);
        // A node is added: the others keep their keys.
        write(&fronts, &[name("node-1"), name("node-2")], &pool, &out).await.unwrap();
        assert_eq!(fs::read_to_string(out.join("node-1.nk")).unwrap(), seed);
        assert!(fs::read_to_string(out.join(CONFIGURATION)).unwrap().contains("# noded: node-2"));
        for (fronts, nodes) in [(["a"], ["a"]), (["a"], ["admin"])] {
            let (fronts, nodes) = (fronts.map(name), nodes.map(name));
            assert!(write(&fronts, &nodes, &pool, &out).await.is_err());
        }
    }
}
