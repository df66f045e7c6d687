//! Whether this host can do what is promised, found out by doing it.

use std::sync::Arc;

use protocol::{CheckResult, ExecutionId};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::admission::admit;
use crate::daemon::Daemon;
use crate::execution::internal_jobs::{self, JobOutput};
use crate::languages::Toolchain;

/// The oldest kernel that has every system call we make: mount_setattr(2) came with 5.12, cgroup.kill and a
/// tmpfs that can be mounted by descriptor in every way we need with 5.14.
const OLDEST_KERNEL: (u32, u32) = (5, 14);

/// Check everything, telling one result at a time, as long as somebody listens.
pub(crate) async fn check(daemon: &Arc<Daemon>, results: mpsc::Sender<CheckResult>) {
    for result in host_results(daemon) {
        let _ = results.send(result).await;
    }
    let _ = results.send(self_test(daemon, daemon.probe(), "sandbox", "look at executord's log").await).await;
    for toolchain in daemon.languages().all() {
        if results.send(language_result(daemon, toolchain).await).await.is_err() {
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
    let needed = format!("Linux {}.{} or newer is needed", OLDEST_KERNEL.0, OLDEST_KERNEL.1);
    let uids = format!("{} free, {} withheld", status.free_uids, status.quarantined_uids);
    let groups_advice = "start executord by its systemd unit, or mount cgroup v2 at /sys/fs/cgroup, writable";
    let mut results = vec![
        result("kernel", version >= OLDEST_KERNEL, kernel, &needed),
        optional(result(
            "limits on groups of processes",
            status.cgroups != "none",
            &status.cgroups,
            groups_advice,
        )),
        result(
            "user ids",
            status.quarantined_uids == 0 && status.free_uids > 0,
            &uids,
            "restart executord: an id is withheld when something of its run could not be ended",
        ),
    ];
    let advice = "programs run all the same; the README says what each limit rests on";
    results.extend(status.degraded.iter().map(|words| optional(result("host", false, words, advice))));
    results
}

async fn language_result(daemon: &Arc<Daemon>, toolchain: &Arc<Toolchain>) -> CheckResult {
    let name = format!("language {}", toolchain.title);
    match &toolchain.version {
        Ok(version) => {
            let advice =
                "its toolchain is installed and does not work: reinstall it, or remove the language file";
            let result = self_test(daemon, toolchain, &name, advice).await;
            CheckResult { detail: format!("{version}: {}", result.detail), ..result }
        }
        Err(reason) => {
            let advice = format!("install it to offer {}, then reload executord", toolchain.title);
            optional(result(&name, false, reason, &advice))
        }
    }
}

/// Run a toolchain's self-test, as a client's request would be.
async fn self_test(
    daemon: &Arc<Daemon>,
    toolchain: &Arc<Toolchain>,
    name: &str,
    advice: &str,
) -> CheckResult {
    let request = internal_jobs::self_test_request(&toolchain.self_test);
    let printed = match admit(ExecutionId(Uuid::new_v4()), request, toolchain, &daemon.maxima()) {
        Ok(job) => daemon.run_internal(&job).await,
        Err(rejection) => Err(rejection.to_string()),
    };
    match printed {
        Ok(printed) if printed.success && printed.stdout == toolchain.self_test.stdout => {
            result(name, true, "its self-test gives what it should", advice)
        }
        Ok(JobOutput { stdout, stderr, ending, .. }) => result(
            name,
            false,
            &format!("its self-test ended with {ending} and gave {stdout:?} {stderr:?}"),
            advice,
        ),
        Err(words) => result(name, false, &words, advice),
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

/// Programs can run without it.
fn optional(result: CheckResult) -> CheckResult {
    CheckResult { optional: true, ..result }
}
