//! The collector of output files, with real sandboxes on this host, as root.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports a failure by panicking")]

mod support;

use std::collections::BTreeMap;

use sandbox::{
    ArchiveLimits, BuildDir, CollectedDir, Collection, DiskLimits, OmittedFiles, OutputPattern, Record,
    Report,
};
use support::{Execution, Slot, UID, plan, program, shell};

const LIMITS: ArchiveLimits = ArchiveLimits { files: 20, file_bytes: 100_000, total_bytes: 300_000 };

fn collection(patterns: &[&str]) -> Collection {
    Collection {
        user: plan(&[]).plan.user,
        directory: CollectedDir::WorkDir,
        patterns: patterns.iter().map(|pattern| OutputPattern::parse(pattern).unwrap()).collect(),
        limits: LIMITS,
    }
}

/// The content of an archive: sizes and contents by name, and the numbers of files that were left out.
struct Collected {
    files: BTreeMap<String, (u64, Vec<u8>)>,
    omitted: OmittedFiles,
}

impl Collected {
    fn new(records: Vec<Record>) -> Self {
        let (mut files, mut omitted, mut last) = (BTreeMap::new(), None, String::new());
        for record in records {
            match record {
                Record::File { name, size } => {
                    last.clone_from(&name);
                    files.insert(name, (size, Vec::new()));
                }
                Record::Data(bytes) => files.get_mut(&last).unwrap().1.extend(bytes),
                Record::End(end) => omitted = Some(end),
            }
        }
        Self { files, omitted: omitted.unwrap() }
    }

    fn names(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }
}

fn collect_with(slot: &mut Slot, execution: &Execution, collection: &Collection) -> Collected {
    let (run, records) = slot.run_and_collect(execution, collection);
    assert!(matches!(run.reports.last(), Some(Report::Exited(_))), "{:?} {}", run.reports, run.stderr);
    assert_eq!(run.stderr, "");
    Collected::new(records)
}

#[test]
fn files_that_match_come_back_byte_for_byte() {
    let mut slot = Slot::new("outputs");
    let script = r"mkdir -p results/deep .hidden; printf 'a\0\xff' > bin; echo 1,2 > results/a.csv
        echo 3,4 > results/deep/b.csv; echo no > results/c.txt; echo h > .hidden/x.csv; : > empty.csv
        head -c 70000 /dev/urandom > big; sha256sum big; exit 3";
    let wanted = collection(&["bin", "big", "**/*.csv", "missing"]);
    let (run, records) = slot.run_and_collect(&shell(script), &wanted);
    let collected = Collected::new(records);
    assert_eq!(collected.names(), ["big", "bin", "empty.csv", "results/a.csv", "results/deep/b.csv"]);
    assert_eq!(collected.files["bin"], (3, b"a\0\xff".to_vec()));
    assert_eq!(collected.files["empty.csv"], (0, Vec::new()));
    assert_eq!(collected.files["results/deep/b.csv"], (4, b"3,4\n".to_vec()));
    let (size, big) = &collected.files["big"];
    assert_eq!((*size, big.len()), (70_000, 70_000));
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("big"), big).unwrap();
    let sum = std::process::Command::new("sha256sum").arg("big").current_dir(&directory).output().unwrap();
    assert_eq!(String::from_utf8(sum.stdout).unwrap(), run.stdout);
    assert_eq!(collected.omitted, OmittedFiles::default());
}

#[test]
fn only_regular_files_of_the_user_are_read() {
    let mut slot = Slot::new("kinds");
    let script = r#"ln -s /etc/passwd link; ln -s . loop; mkfifo fifo; mkdir dir
        /usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
        ln -s /proc/self/root magic; ln -s dir linked; echo x > dir/x; echo s > secret; chmod 0 secret
        echo y > y; ln y hard; mkdir closed; echo z > closed/z; chmod 0 closed"#;
    let wanted = collection(&[
        "link",
        "fifo",
        "sock",
        "secret",
        "hard",
        "dir",
        "magic/etc/passwd",
        "linked/x",
        "loop/loop/y",
        "closed/z",
        "dir/*",
    ]);
    let collected = collect_with(&mut slot, &shell(script), &wanted);
    assert_eq!(collected.names(), ["dir/x", "hard"]);
    assert_eq!(collected.files["hard"], (2, b"y\n".to_vec()));
    let expected = OmittedFiles { not_regular: 4, unreadable: 2, ..OmittedFiles::default() };
    assert_eq!(collected.omitted, expected);
    // The same with patterns, which do not name the directories.
    let collected = collect_with(&mut slot, &shell(script), &collection(&["**"]));
    assert_eq!(collected.names(), ["dir/x", "hard", "y"]);
    let expected = OmittedFiles { not_regular: 6, unreadable: 2, ..OmittedFiles::default() };
    assert_eq!(collected.omitted, expected);
}

#[test]
fn the_archive_stays_within_its_bounds() {
    let mut slot = Slot::new("bounds");
    let script = "for i in $(seq 10 39); do echo $i > f$i; done";
    let collected = collect_with(&mut slot, &shell(script), &collection(&["f*"]));
    let names = collected.names();
    assert_eq!((names.len(), names[0], names[19]), (20, "f10", "f29"));
    assert_eq!(collected.omitted, OmittedFiles { too_many: 10, ..OmittedFiles::default() });

    let script = "for i in 1 2 3 4 5; do head -c 110000 /dev/zero > f$i; done; : > f6";
    let collected = collect_with(&mut slot, &shell(script), &collection(&["*"]));
    assert_eq!(collected.names(), ["f1", "f2", "f3", "f6"]);
    assert!(collected.files.iter().all(|(name, (size, content))| {
        (*size, content.len()) == if name == "f6" { (0, 0) } else { (110_000, 100_000) }
    }));
    assert_eq!(collected.omitted, OmittedFiles { too_large: 2, ..OmittedFiles::default() });

    let script = "truncate -s 16M sparse; truncate -s 1T huge || echo refused";
    let (run, records) = slot.run_and_collect(&shell(script), &collection(&["sparse", "huge"]));
    assert!(run.stdout.contains("refused") || run.stderr.contains("File size limit"), "{}", run.stderr);
    let collected = Collected::new(records);
    let (size, content) = &collected.files["sparse"];
    assert_eq!((*size, content.len()), (16 << 20, 100_000));
}

#[test]
fn odd_names_are_returned_or_left_out() {
    let mut slot = Slot::new("names");
    let script = r"printf 1 > $'new\nline'; printf 2 > $'tab\t\e[31m'; printf 3 > 'a b\c'; printf 4 > $'\xff\xfe'
        printf 5 > ...; printf 6 > ' '; printf 7 > 'ä€😀'; printf 8 > $(printf 'x%.0s' $(seq 255)); printf 9 > '[*]'
        mkdir $'d\xff'; printf 10 > $'d\xff/x'";
    let collected = collect_with(&mut slot, &shell(script), &collection(&["*", "...", "d*/*"]));
    let long = "x".repeat(255);
    let mut expected = ["new\nline", "tab\t\u{1b}[31m", "a b\\c", "...", " ", "ä€😀", &*long, "[*]"];
    expected.sort_unstable();
    assert_eq!(collected.names(), expected);
    assert_eq!(collected.omitted, OmittedFiles { invalid_name: 2, ..OmittedFiles::default() });
}

#[test]
fn a_deep_tree_and_many_files_end_the_search() {
    let mut slot = Slot::new("deep");
    let mut execution = shell(
        "for i in $(seq 60); do mkdir d; cd d; echo $i > f; done; cd /box; mkdir many; cd many; touch {1..3000}",
    );
    execution.start.disk = DiskLimits { bytes: 16 << 20, files: 5000 };
    let collected = collect_with(&mut slot, &execution, &collection(&["**/f", "many/1*"]));
    assert!(collected.omitted.is_incomplete);
    assert_eq!(collected.files.len(), 20);
    // 31 files named f, and 1111 of the others.
    assert_eq!(collected.omitted.too_many, 31 + 1111 - 20);
}

#[test]
fn the_program_cannot_see_or_reach_its_collector() {
    let mut slot = Slot::new("reach");
    let script = r"ls -d /proc/[0-9]*; kill -9 -1; grep -h ^Name /proc/[0-9]*/status; echo kept > out";
    let (run, records) = slot.run_and_collect(&shell(script), &collection(&["out"]));
    // Bash, its children, and init, which is hidden.
    assert!(!run.stdout.contains("executor-sandbo"), "{}", run.stdout);
    assert_eq!(Collected::new(records).files["out"].1, b"kept\n");
    // Its only process is the program's own: the collector does not count.
    let mut execution = plan(&["/usr/bin/python3", "-c", "open('out', 'w').write('alone')"]);
    execution.start.program.resources.processes = 1;
    let collected = collect_with(&mut slot, &execution, &collection(&["out"]));
    assert_eq!(collected.files["out"].1, b"alone");
}

#[test]
fn the_build_directory_can_be_collected() {
    let mut slot = Slot::new("built");
    let writable = BuildDir::Writable(DiskLimits { bytes: 1 << 20, files: 10 });
    let execution = shell("printf ELF > /build/program; echo box > out").with_build_dir(writable);
    let wanted = Collection { directory: CollectedDir::BuildDir, ..collection(&["**"]) };
    let collected = collect_with(&mut slot, &execution, &wanted);
    assert_eq!(collected.names(), ["program"]);
    let build = slot.built();
    let reading = shell("cat /build/program").with_build_dir(BuildDir::ReadOnly);
    assert_eq!(slot.run_with(&reading, &[], Some(&build)).stdout, "ELF");
}

#[test]
fn a_warm_sandbox_collects_too() {
    let mut slot = Slot::new("warm");
    let mut execution = plan(&["interpreter"]);
    let launcher = "printf R >&3; mapfile -t -d '' words <&3; exec 3>&-; echo \"${words[0]}\" > out";
    execution.plan.warm_command = Some(program(&["/usr/bin/bash", "-c", launcher]));
    let collected = collect_with(&mut slot, &execution, &collection(&["out"]));
    assert_eq!(collected.files["out"].1, b"interpreter\n");
    assert_eq!(execution.plan.user.uid, UID);
}
