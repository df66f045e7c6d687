//! Host check: runs programs to find out whether this host can keep the guarantees of the documentation.

use std::sync::Arc;

use protocol::{CheckResult, ExecutionId};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::admission::admit;
use crate::daemon::probes;
use crate::daemon::state::Daemon;
use crate::execution::internal_jobs::{self, JobOutput};
use crate::languages::toolchain::Toolchain;

/// The oldest kernel with all system calls that the sandbox makes: mount_setattr(2) came with 5.12; cgroup.kill, and
/// mounting a tmpfs by file descriptor in every way the sandbox needs, with 5.14.
const OLDEST_KERNEL: (u32, u32) = (5, 14);

/// What to check.
#[derive(Debug)]
pub(super) enum Items {
    /// The host, the sandbox and all languages.
    All,
    /// Languages, by name or alias.
    Languages(Vec<String>),
}

/// Checks the items and sends one result at a time, as long as the receiver exists.
pub(super) async fn check(daemon: &Arc<Daemon>, items: Items, results: mpsc::Sender<CheckResult>) {
    let languages = daemon.languages();
    let toolchains = match &items {
        Items::All => {
            for result in host_results(daemon) {
                let _ = results.send(result).await;
            }
            let probe = self_test(daemon, daemon.probe(), "sandbox", "see executord's log").await;
            let _ = results.send(probe).await;
            languages.all().map(Ok).collect()
        }
        Items::Languages(names) => names
            .iter()
            .map(|name| languages.by_id(name).or_else(|| languages.find(name)).ok_or(name))
            .collect::<Vec<_>>(),
    };
    for toolchain in toolchains {
        let checked = match toolchain {
            Ok(toolchain) => language_result(daemon, toolchain).await,
            Err(name) => {
                let advice = "`executor languages` lists the languages of this host";
                result(&format!("language {name}"), false, "no language has this name", advice)
            }
        };
        if results.send(checked).await.is_err() {
            return;
        }
    }
}

fn host_results(daemon: &Daemon) -> Vec<CheckResult> {
    let status = daemon.status();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.trim();
    let mut numbers = kernel.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let kernel_advice = format!("Linux {}.{} or newer is required", OLDEST_KERNEL.0, OLDEST_KERNEL.1);
    let uids = format!("{} free, {} quarantined", status.free_uids, status.quarantined_uids);
    let cgroup_advice =
        "start executord with its systemd unit, or mount cgroup v2 at /sys/fs/cgroup, writable";
    let mut results = vec![
        result("kernel", version >= OLDEST_KERNEL, kernel, &kernel_advice),
        optional(result("cgroups", status.cgroups != "none", &status.cgroups, cgroup_advice)),
        result(
            "user ids",
            status.quarantined_uids == 0 && status.free_uids > 0,
            &uids,
            "restart executord: a user id is quarantined when its processes could not be confirmed gone",
        ),
    ];
    if let Some(error) = daemon.slot_factory.zygote_error() {
        let detail = format!("cannot create a user namespace: {error}");
        let advice =
            "Python starts more slowly without it; raise user.max_user_namespaces, or set `zygotes = false`";
        results.push(optional(result("zygotes", false, &detail, advice)));
    } else if daemon.slot_factory.has_zygotes() {
        results.push(optional(result("zygotes", true, "Python is forked from a running interpreter", "")));
    }
    let advice = "programs run without it; docs/api.md says how each limit is enforced";
    results.extend(status.degraded.iter().map(|message| optional(result("host", false, message, advice))));
    results
}

async fn language_result(daemon: &Arc<Daemon>, toolchain: &Arc<Toolchain>) -> CheckResult {
    let name = format!("language {}", toolchain.title);
    probes::probe(daemon, [toolchain]).await;
    match toolchain.version() {
        Ok(version) => {
            let advice =
                "its toolchain is installed but does not work: reinstall it, or remove the language file";
            let result = self_test(daemon, toolchain, &name, advice).await;
            CheckResult { detail: format!("{version}: {}", result.detail), ..result }
        }
        Err(reason) => {
            let advice = format!("to offer {}, install it and reload executord", toolchain.title);
            optional(result(&name, false, reason, &advice))
        }
    }
}

/// Runs a toolchain's self-test in the same way as a client's request.
async fn self_test(
    daemon: &Arc<Daemon>,
    toolchain: &Arc<Toolchain>,
    name: &str,
    advice: &str,
) -> CheckResult {
    let request = internal_jobs::self_test_request(&toolchain.self_test);
    let printed = match admit(ExecutionId(Uuid::new_v4()), request, toolchain, &daemon.bounds()) {
        Ok(job) => daemon.run_internal(&job).await,
        Err(rejection) => Err(rejection.to_string()),
    };
    match printed {
        Ok(printed) if printed.success && printed.stdout == toolchain.self_test.stdout => {
            result(name, true, "self-test passed", advice)
        }
        Ok(JobOutput { stdout, stderr, status, .. }) => result(
            name,
            false,
            &format!("self-test failed: it ended with {status} and printed {stdout:?} {stderr:?}"),
            advice,
        ),
        Err(message) => result(name, false, &message, advice),
    }
}

fn result(name: &str, passed: bool, detail: &str, advice: &str) -> CheckResult {
    CheckResult {
        name: name.to_owned(),
        passed,
        optional: false,
        detail: detail.to_owned(),
        advice: (!passed).then(|| advice.to_owned()),
    }
}

/// Marks a result as optional: programs can run even if it failed.
fn optional(result: CheckResult) -> CheckResult {
    CheckResult { optional: true, ..result }
}
