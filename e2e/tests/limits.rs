//! Each limit of docs/api.md holds and is reported.

#![forbid(unsafe_code)]

use e2e::answer::contradictions;
use e2e::daemons::{Daemons, Settings, eventually};
use e2e::inventory;
use e2e::socket::{Execution, program};
use protocol::{ByteCount, Event, LimitsRequest, Rejection};
use serde_json::{Value, json};
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

/// A program, its limits, and the expected response.
struct Case {
    name: &'static str,
    language: &'static str,
    code: &'static str,
    limits: Value,
    expected: Value,
}

fn python(name: &'static str, code: &'static str, limits: Value, expected: Value) -> Case {
    Case { name, language: "python", code, limits, expected }
}

fn cpp(name: &'static str, code: &'static str, limits: Value, expected: Value) -> Case {
    Case { name, language: "cpp", code, limits, expected }
}

/// Returns the response for a program that executord ended because of this limit.
fn ended(status: &str, limit: &str, allowed: impl Into<Value>, unit: &str) -> Value {
    let cause = json!({ "limit": limit, "allowed": allowed.into(), "unit": unit });
    json!({ "status": status, "exit_code": null, "signal": null, "cause": cause })
}

/// Returns the response for a program that noticed the limit itself.
fn found_out(stdout: impl Into<Value>) -> Value {
    json!({ "status": "ok", "stdout": stdout.into(), "cause": null, "truncated": false })
}

/// Runs the cases one after the other in the only slot.
async fn check(cases: &[Case]) {
    let daemons =
        Daemons::start(&Settings { slots: 1, ..Settings::default() }).await.expect("both daemons start");
    let mut wrong = Vec::new();
    for Case { name, language, code, limits, expected } in cases {
        let answer = daemons.execute(&json!({ "language": language, "code": code, "limits": limits })).await;
        let mut contradictions = contradictions(expected, &answer);
        if expected["cause"].is_object() {
            contradictions.extend(incomplete(&answer["cause"]));
        }
        if !contradictions.is_empty() {
            wrong.push(format!("{name}: {contradictions:?}\n    {}", excerpt(&answer)));
        }
    }
    let after = daemons.execute(&json!({ "language": "python", "code": "print(6 * 7)" })).await;
    assert_eq!(after["output"], "42\n", "{after}");
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), daemons.logs());
    assert_nothing_runs(&daemons).await;
}

/// Verifies that a cause has the limit, a usage that is not less, and a message with both.
fn incomplete(cause: &Value) -> Option<String> {
    let (allowed, used) = (cause["allowed"].as_f64(), cause["used"].as_f64());
    let complete = allowed.is_some()
        && used >= allowed
        && cause["message"].as_str().is_some_and(|message| message.contains("limit of"));
    (!complete).then(|| format!("incomplete: {cause}"))
}

fn excerpt(answer: &Value) -> String {
    let text: String = answer["output"].as_str().unwrap_or_default().chars().take(400).collect();
    format!("{} {} {:?} {}", answer["status"], answer["cause"], text, answer["usage"])
}

async fn assert_nothing_runs(daemons: &Daemons) {
    let processes = || inventory::processes(&daemons.uids).expect("/proc is readable");
    let is_idle = || async { daemons.status().await.running == 0 && processes().is_empty() };
    assert!(eventually(is_idle).await, "{:?}", processes());
    assert_eq!(daemons.status().await.quarantined_uids, 0);
}

#[tokio::test]
async fn cpu_time_is_counted_for_all_processes_together() {
    let limits = json!({ "cpu_ms": 1000, "wall_ms": 60_000 });
    let out_of_time = || ended("timeout", "cpu_time", 1000.0, "ms");
    // RLIMIT_CPU counts each process separately, and would apply only after two seconds of one of them.
    check(&[
        python("one", "while True: pass", limits.clone(), out_of_time()),
        python(
            "four children",
            "import os\nfor _ in range(4):\n    if os.fork() == 0:\n        while True: pass\nos.wait()",
            limits.clone(),
            out_of_time(),
        ),
        python(
            "many children, each for a moment",
            "import os, time\nwhile True:\n    if os.fork() == 0:\n        end = time.process_time() + 0.1\n        \
             while time.process_time() < end: pass\n        os._exit(0)\n    os.wait()",
            limits.clone(),
            out_of_time(),
        ),
        python(
            "children that fled",
            "import os, time\nfor _ in range(3):\n    if os.fork() == 0:\n        os.setsid()\n        \
             while True: pass\ntime.sleep(600)",
            limits.clone(),
            out_of_time(),
        ),
        python(
            "stuck to SIGTERM and SIGXCPU",
            "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n\
             while True: pass",
            limits.clone(),
            out_of_time(),
        ),
        cpp(
            "threads",
            "#include <thread>\nint main() { auto spin = [] { for (volatile int i = 0;;) i = i + 1; };\n\
             std::thread a(spin), b(spin), c(spin); spin(); }",
            limits,
            out_of_time(),
        ),
    ])
    .await;
}

#[tokio::test]
async fn wall_clock_time_is_limited_whatever_the_program_waits_for() {
    let limits = json!({ "wall_ms": 1000 });
    let out_of_time = || ended("timeout", "wall_time", 1000.0, "ms");
    check(&[
        python("sleeping", "import time\ntime.sleep(600)", limits.clone(), out_of_time()),
        python("waiting for a child", "import subprocess\nsubprocess.run(['sleep', '600'])", limits.clone(), out_of_time()),
        python("waiting for a lock", "import threading\nthreading.Lock().acquire()\nthreading.Event().wait()", limits.clone(), out_of_time()),
        python(
            "stuck to SIGTERM",
            "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)",
            limits.clone(),
            out_of_time(),
        ),
        python(
            "writing to the end",
            "import os, time\nos.write(1, b'x' * 1000)\nwhile True: time.sleep(0.01)",
            limits.clone(),
            { let mut expected = out_of_time(); expected["stdout"] = "x".repeat(1000).into(); expected },
        ),
        // Output during the grace period is kept.
        python(
            "saying goodbye",
            "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(3)))\n\
             time.sleep(600)",
            limits,
            { let mut expected = out_of_time(); expected["stdout"] = "bye\n".into(); expected },
        ),
    ])
    .await;
}

#[tokio::test]
async fn memory_of_every_kind_is_limited() {
    let limits = json!({ "memory_bytes": 64 * MIB, "disk_bytes": 200 * MIB, "file_size_bytes": 200 * MIB, "wall_ms": 60_000 });
    let out_of_memory = || ended("memory", "memory", 64 * MIB, "bytes");
    let case = |name, code| python(name, code, limits.clone(), out_of_memory());
    check(&[
        case("a heap", "x = b'x' * (200 << 20)"),
        case(
            "the heaps of children, none of which has much",
            "import os, time\nfor _ in range(12):\n    if os.fork() == 0:\n        x = b'x' * (12 << 20)\n        time.sleep(600)\ntime.sleep(600)",
        ),
        case(
            "memory that is shared",
            "import mmap\nm = mmap.mmap(-1, 200 << 20)\nfor i in range(0, 200 << 20, 4096): m[i] = 1",
        ),
        case("files in /tmp", "f = open('/tmp/f', 'wb')\nfor _ in range(150): f.write(b'x' * (1 << 20))"),
        case("files in /dev/shm", "f = open('/dev/shm/f', 'wb')\nfor _ in range(150): f.write(b'x' * (1 << 20))"),
        case("files in the work directory", "f = open('f', 'wb')\nfor _ in range(150): f.write(b'x' * (1 << 20))"),
        case(
            "files without a name",
            "import os\nf = os.memfd_create('f')\nfor _ in range(150): os.write(f, b'x' * (1 << 20))",
        ),
        case(
            "System V shared memory",
            "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.shmat.restype = ctypes.c_void_p\n\
             segment = libc.shmget(0, 200 << 20, 0o1600)\nassert segment >= 0\n\
             address = libc.shmat(segment, None, 0)\nctypes.memset(address, 1, 200 << 20)",
        ),
        case(
            "what a child leaves behind in shared memory",
            "import ctypes, os\nlibc = ctypes.CDLL(None)\nlibc.shmat.restype = ctypes.c_void_p\n\
             for _ in range(20):\n    if os.fork() == 0:\n        segment = libc.shmget(0, 10 << 20, 0o1600)\n        \
             ctypes.memset(libc.shmat(segment, None, 0), 1, 10 << 20)\n        os._exit(0)\n    os.wait()",
        ),
        // Not ended by executord: the program checks first.
        python(
            "a program that does with less",
            "x = b'x' * (20 << 20)\nprint('ok')",
            limits.clone(),
            found_out("ok\n"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn processes_and_threads_beyond_the_limit_are_refused() {
    let limits = json!({ "processes": 10, "wall_ms": 3000, "cpu_ms": 60_000 });
    check(&[
        python(
            "processes",
            "import errno, os, time\nchildren = []\ntry:\n    while True:\n        child = os.fork()\n        \
             if child == 0: time.sleep(600)\n        children.append(child)\n\
             except OSError as error:\n    print(len(children), errno.errorcode[error.errno])",
            limits.clone(),
            found_out("9 EAGAIN\n"),
        ),
        python(
            "processes that end make room",
            "import os\nfor _ in range(100):\n    if os.fork() == 0: os._exit(0)\n    os.wait()\nprint('ok')",
            limits.clone(),
            found_out("ok\n"),
        ),
        python(
            "zombies count",
            "import errno, os\nn = 0\ntry:\n    while True:\n        if os.fork() == 0: os._exit(0)\n        n += 1\n\
             except OSError as error:\n    print(n, errno.errorcode[error.errno])",
            limits.clone(),
            found_out("9 EAGAIN\n"),
        ),
        cpp(
            "threads",
            "#include <cstdio>\n#include <cstring>\n#include <pthread.h>\n#include <unistd.h>\n\
             static void *rest(void *) { sleep(600); return nullptr; }\n\
             int main() { pthread_t thread; int count = 0, error;\n\
             while ((error = pthread_create(&thread, nullptr, rest, nullptr)) == 0) count++;\n\
             std::printf(\"%d %s\\n\", count, strerrorname_np(error)); std::fflush(stdout); _exit(0); }",
            limits.clone(),
            found_out("9 EAGAIN\n"),
        ),
        Case {
            name: "a fork bomb of a shell",
            language: "bash",
            code: "bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 600",
            limits: limits.clone(),
            expected: ended("timeout", "wall_time", 3000.0, "ms"),
        },
        python(
            "a fork bomb that starts itself again",
            "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n    try:\n        \
             if os.fork() == 0: os.setsid()\n    except OSError: pass",
            limits,
            ended("timeout", "wall_time", 3000.0, "ms"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn output_is_limited_to_the_byte() {
    let daemons =
        Daemons::start(&Settings { slots: 1, ..Settings::default() }).await.expect("both daemons start");
    // Every eight bytes differ, so that the kept part is known to be the beginning.
    let all: String = (0..200_000).map(|number| format!("{number:07} ")).collect();
    for descriptor in [1, 2] {
        let names = ["stdout", "stderr"];
        let (written, other) = (names[descriptor - 1], names[2 - descriptor]);
        for (limit, how_many) in [(5, 6), (1000, 1001), (65_536, 200_000), (100_001, 1_600_000), (1000, 1000)]
        {
            let over = how_many > limit;
            // A program that exceeds the limit is ended.
            let code = format!(
                "import os, time\nos.write({}, b'aside')\n\
                 rest = ''.join(f'{{n:07}} ' for n in range(200_000)).encode()[:{how_many}]\n\
                 while rest: rest = rest[os.write({descriptor}, rest):]\n{}",
                3 - descriptor,
                if over { "time.sleep(600)" } else { "" },
            );
            let limits = json!({ "output_bytes": limit });
            let answer =
                daemons.execute(&json!({ "language": "python", "code": code, "limits": limits })).await;
            let mut expected =
                if over { ended("output_limit", "output", limit, "bytes") } else { found_out("") };
            expected["truncated"] = over.into();
            expected[written] = all[..limit].into();
            expected[other] = "aside".into();
            assert_eq!(contradictions(&expected, &answer), Vec::<String>::new(), "{written}, {limit} bytes");
            if over {
                assert_eq!(incomplete(&answer["cause"]), None);
                let message = answer["cause"]["message"].as_str().expect("words");
                assert!(message.contains(written), "{message}");
            }
        }
    }

    // The output of several runs adds up: at most 8 MiB are kept.
    let code = "import os\nfor _ in range(48): os.write(1, b'x' * 65536)";
    let runs = json!([{}, {}, {}]);
    let request =
        json!({ "language": "python", "code": code, "runs": runs, "limits": { "output_bytes": 3 * MIB } });
    let answer = daemons.execute(&request).await;
    let lengths: Vec<_> =
        (0..3).map(|run| answer["runs"][run]["stdout"].as_str().map(|text| text.len() as u64)).collect();
    assert_eq!(lengths, [Some(3 * MIB), Some(3 * MIB), Some(2 * MIB)]);
    let truncated: Vec<_> = (0..3).map(|run| answer["runs"][run]["truncated"].as_bool()).collect();
    assert_eq!(truncated, [Some(false), Some(false), Some(true)]);
    assert_nothing_runs(&daemons).await;
}

#[tokio::test]
async fn files_are_limited_in_size_number_and_total() {
    let files = json!({ "disk_bytes": 4 * MIB, "file_size_bytes": 64 * MIB, "files": 100 });
    check(&[
        cpp(
            "a file that grows too large: the signal",
            "#include <fcntl.h>\n#include <unistd.h>\nint main() { int f = open(\"f\", O_CREAT | O_WRONLY, 0600); char b[4096];\n\
             for (;;) write(f, b, sizeof b); }",
            json!({ "file_size_bytes": MIB }),
            json!({ "status": "signal", "signal": 25, "signal_name": "SIGXFSZ", "cause": null }),
        ),
        python(
            "a file that grows too large: the error",
            "import errno, os\nf = os.open('f', os.O_CREAT | os.O_WRONLY)\ntry:\n    while True: os.write(f, b'x' * 10_000)\n\
             except OSError as error: print(os.fstat(f).st_size, errno.errorcode[error.errno])",
            json!({ "file_size_bytes": 100_001 }),
            found_out("100001 EFBIG\n"),
        ),
        python(
            "files that fill the disk, wherever they are",
            "import errno, os\ntotal = 0\n\
             for directory in ['.', '/tmp', '/dev/shm']:\n    f = os.open(directory + '/f', os.O_CREAT | os.O_WRONLY)\n    \
             try:\n        for _ in range(400 if directory != '/dev/shm' else 10_000): total += os.write(f, b'x' * 4096)\n    \
             except OSError as error: print(directory, errno.errorcode[error.errno], 4_000_000 < total <= 4 << 20)",
            files.clone(),
            found_out("/dev/shm ENOSPC True\n"),
        ),
        python(
            "too many files, wherever they are",
            "import errno, os\ncount = 0\ntry:\n    while True:\n        directory = ['.', '/tmp', '/dev/shm'][count % 3]\n        \
             os.close(os.open(f'{directory}/{count}', os.O_CREAT | os.O_WRONLY))\n        count += 1\n\
             except OSError as error: print(count, errno.errorcode[error.errno])",
            files.clone(),
            // The program itself counts.
            found_out("99 ENOSPC\n"),
        ),
        python(
            "directories and links are files too",
            "import errno, os\ncount = 0\ntry:\n    while True:\n        [os.mkdir, lambda name: os.symlink('x', name)][count % 2](str(count))\n        \
             count += 1\nexcept OSError as error: print(count, errno.errorcode[error.errno])",
            files,
            found_out("99 ENOSPC\n"),
        ),
        python(
            "files that are open",
            "import errno, os\nlast = 0\ntry:\n    while True: last = os.open('/dev/null', os.O_RDONLY)\n\
             except OSError as error: print(last, errno.errorcode[error.errno])",
            json!({ "open_files": 33 }),
            found_out("32 EMFILE\n"),
        ),
        python(
            "limits that nobody can raise",
            "import resource\nfor limit in [resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU]:\n    \
             soft, hard = resource.getrlimit(limit)\n    \
             try: resource.setrlimit(limit, (hard + 1, hard + 1))\n    except ValueError as error: print(error)",
            json!({}),
            found_out("not allowed to raise maximum limit\n".repeat(4)),
        ),
    ])
    .await;
}

#[tokio::test]
async fn limits_above_the_maxima_are_lowered_and_reported() {
    let maxima = "[limits.maximum]\ncpu_time = \"7s\"\nwall_time = \"8s\"\nmemory = \"100MiB\"\nprocesses = 30\n\
                  output = \"50KiB\"\nfile_size = \"3MiB\"\ndisk = \"5MiB\"\nfiles = 200\nopen_files = 64\n\
                  address_space = \"1TiB\"\noutput_files = 3\noutput_file_size = \"2KiB\"\noutput_files_size = \"4KiB\"\n\
                  input_idle = \"9s\"";
    let settings = Settings { slots: 1, more: maxima.to_owned(), ..Settings::default() };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    let maxima = json!({
        "cpu_ms": 7000, "wall_ms": 8000, "memory_bytes": 100 * MIB, "processes": 30, "output_bytes": 50 * 1024,
        "file_size_bytes": 3 * MIB, "disk_bytes": 5 * MIB, "files": 200, "open_files": 64,
        // The stack is never larger than the memory.
        "stack_bytes": 100 * MIB,
        "address_space_bytes": 1_u64 << 40, "output_files": 3, "output_file_bytes": 2048, "output_files_bytes": 4096,
        "input_idle_ms": 9000,
    });
    let names: Vec<&String> = maxima.as_object().expect("an object").keys().collect();
    let ask = |limits: Value| json!({ "language": "python", "code": "print(6 * 7)", "limits": limits });

    let most: Value =
        names.iter().map(|name| ((*name).clone(), json!(u64::MAX))).collect::<serde_json::Map<_, _>>().into();
    // The defaults exceed the maxima of this configuration.
    for limits in [most, json!({})] {
        let answer = daemons.execute(&ask(limits)).await;
        assert_eq!((&answer["limits"], &answer["output"]), (&maxima, &json!("42\n")));
    }
    let less = json!({ "cpu_ms": 1234, "open_files": 63 });
    let answer = daemons.execute(&ask(less.clone())).await;
    assert_eq!(contradictions(&less, &answer["limits"]), Vec::<String>::new());
    // The lowered limit is enforced.
    let flood = json!({ "language": "python", "code": "print('x' * 1_000_000)", "limits": { "output_bytes": 2 * MIB } });
    let answer = daemons.execute(&flood).await;
    assert_eq!(answer["cause"]["allowed"], 50 * 1024);
    assert_eq!(answer["stdout"].as_str().map(str::len), Some(50 * 1024));

    for name in &names {
        let answer = daemons.post(&ask(json!({ *name: 0 }))).await.expect("a response");
        assert_eq!((answer.status, &answer.json["code"]), (400, &json!("invalid_request")), "{name}");
        let message = answer.json["error"].as_str().expect("words");
        assert!(message.contains(name.as_str()) && message.contains("at least 1"), "{message}");
        // The minimum is too little for some programs, and never causes `failed`.
        let answer = daemons.post(&ask(json!({ *name: 1 }))).await.expect("a response");
        assert!([200, 400].contains(&answer.status), "{name}: {}", answer.json);
        if answer.status == 400 {
            let message = answer.json["error"].as_str().expect("words");
            assert!(message.contains("at least"), "{message}");
        }
    }
}

#[tokio::test]
async fn limits_below_what_a_program_needs_are_rejected_or_reported() {
    let daemons =
        Daemons::start(&Settings { slots: 1, ..Settings::default() }).await.expect("both daemons start");
    let zero = |limits: LimitsRequest, least: &'static str| (limits, least);
    for (limits, least) in [
        zero(
            LimitsRequest { cpu_time: Some(Duration::ZERO), ..LimitsRequest::default() },
            "cpu_time must be at least 1 ms",
        ),
        zero(
            LimitsRequest { wall_time: Some(Duration::ZERO), ..LimitsRequest::default() },
            "wall_time must be at least 1 ms",
        ),
        zero(
            LimitsRequest { memory: Some(ByteCount(0)), ..LimitsRequest::default() },
            "memory must be at least 4 MiB",
        ),
        zero(
            LimitsRequest { processes: Some(0), ..LimitsRequest::default() },
            "processes must be at least 1",
        ),
        zero(
            LimitsRequest { output: Some(ByteCount(0)), ..LimitsRequest::default() },
            "output must be at least 1 bytes",
        ),
        zero(
            LimitsRequest { file_size: Some(ByteCount(0)), ..LimitsRequest::default() },
            "file_size must be at least 1 bytes",
        ),
        zero(
            LimitsRequest { disk: Some(ByteCount(0)), ..LimitsRequest::default() },
            "disk must be at least 64 KiB",
        ),
        zero(LimitsRequest { files: Some(0), ..LimitsRequest::default() }, "files must be at least 1"),
        zero(
            LimitsRequest { open_files: Some(0), ..LimitsRequest::default() },
            "open_files must be at least 8",
        ),
    ] {
        let mut request = program("python", "print(1)");
        request.limits = limits;
        let received = Execution::begin(&daemons.socket(), request)
            .await
            .expect("executord accepts the connection")
            .end()
            .await;
        match received.expect("a response").last {
            Some(Event::Rejected(Rejection::Invalid(message))) => {
                assert!(message.ends_with(least), "{message}")
            }
            other => unreachable!("{least}: {other:?}"),
        }
    }

    // All limits at their minima, in a language of each kind: programs may fail, but never with `failed`.
    let least = json!({
        "cpu_ms": 1, "wall_ms": 1, "memory_bytes": 4 * MIB, "processes": 1, "output_bytes": 1, "file_size_bytes": 1,
        "disk_bytes": 65_536, "files": 1, "open_files": 8,
    });
    let limits_of_one =
        least.as_object().expect("an object").iter().map(|(name, value)| json!({ name: value }));
    for limits in limits_of_one.chain([least.clone()]) {
        for (language, code) in [
            ("python", "print('hello')"),
            ("javascript", "console.log('hello')"),
            ("cpp", "#include <cstdio>\nint main() { std::puts(\"hello\"); }"),
            ("java", "class Main { public static void main(String[] a) { System.out.println(\"hello\"); } }"),
        ] {
            let answer =
                daemons.execute(&json!({ "language": language, "code": code, "limits": limits })).await;
            assert!(answer["status"].is_string(), "{language} {limits}: {answer}");
        }
    }

    // Sources that exceed the disk limit.
    let files = json!([{ "name": "main.py", "content": "print(1)" }, { "name": "data", "content": "x".repeat(100_000) }]);
    for limits in [json!({ "files": 1 }), json!({ "disk_bytes": 65_536 })] {
        let answer = daemons.post(&json!({ "language": "python", "files": files, "limits": limits })).await;
        let answer = answer.expect("a response");
        assert_eq!(
            (answer.status, &answer.json["code"]),
            (400, &json!("invalid_request")),
            "{}",
            answer.json
        );
    }
    assert_nothing_runs(&daemons).await;
}

#[tokio::test]
async fn compilations_are_limited_like_programs() {
    let more =
        "[limits.compile]\ncpu_time = \"2s\"\nmemory = \"150MiB\"\noutput = \"10KiB\"\ndisk = \"3MiB\"";
    let settings = Settings { slots: 1, more: more.to_owned(), ..Settings::default() };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    let compile = |code: String| json!({ "language": "cpp", "code": code });
    let sum =
        "constexpr long sum(long to) { long all = 0; for (long i = 0; i < to; i++) all += i; return all; }\n";
    let sums: String = (0..200).map(|i| format!("constexpr long a{i} = sum({});\n", 200_000 + i)).collect();
    let tens =
        "#define TEN(x) x, x, x, x, x, x, x, x, x, x\nchar a[] = { TEN(TEN(TEN(TEN(TEN(TEN(TEN(1))))))) };\n";
    for (name, code, status, limit) in [
        ("time", format!("{sum}{sums}"), "timeout", "cpu_time"),
        ("memory", tens.to_owned(), "memory", "memory"),
        ("output", "x1;\n".repeat(2000), "output_limit", "output"),
    ] {
        let answer = daemons.execute(&compile(format!("{code}int main() {{}}\n"))).await;
        let said = (&answer["status"], &answer["cause"]["limit"]);
        assert_eq!(said, (&json!(status), &json!(limit)), "{name}: {}", excerpt(&answer));
        assert_eq!(answer["compile"]["cause"], answer["cause"], "{name}");
        assert_eq!(incomplete(&answer["cause"]), None, "{name}");
        assert_eq!(answer["runs"], json!([]), "{name}");
    }
    // The compiler reports a full disk.
    let answer =
        daemons.execute(&compile("char a[8 << 20] = {1};\nint main() { return a[0]; }".to_owned())).await;
    assert_eq!(
        (&answer["status"], &answer["runs"]),
        (&json!("compile_error"), &json!([])),
        "{}",
        excerpt(&answer)
    );
    let answer = daemons.execute(&compile("int main() {}".to_owned())).await;
    assert_eq!(answer["status"], "ok", "{}", excerpt(&answer));
    assert_nothing_runs(&daemons).await;
}

#[tokio::test]
async fn the_figures_of_an_answer_are_consistent() {
    for pool in [false, true] {
        let settings = Settings { slots: 1, pool, ..Settings::default() };
        let daemons = Daemons::start(&settings).await.expect("both daemons start");
        let busy = "import time\nend = time.monotonic() + 0.1\nwhile time.monotonic() < end: pass";
        // Programs of one thread. Their limits end the last two.
        for (language, code, limits, rounds) in [
            ("python", "print(1)", json!({}), 20),
            ("python", busy, json!({}), 20),
            ("bash", "echo 1", json!({}), 20),
            ("c", "int main() {}", json!({}), 20),
            ("c", "int main() { for (volatile int i = 0; i < 50000000; i++); }", json!({}), 20),
            ("python", "while True: pass", json!({ "cpu_ms": 300 }), 5),
            (
                "python",
                "x = []\nwhile True: x.append(bytearray(1 << 20))",
                json!({ "memory_bytes": 100 * MIB }),
                5,
            ),
        ] {
            for _ in 0..rounds {
                let answer =
                    daemons.execute(&json!({ "language": language, "code": code, "limits": limits })).await;
                let (usage, cause) = (&answer["usage"], &answer["cause"]);
                let number = |name: &str| usage[name].as_f64().expect("a number");
                assert!(number("cpu_ms") <= number("wall_ms"), "{language} {code}: {usage}");
                if let Some(limit) = cause["limit"].as_str() {
                    let figure = if limit == "memory" { "memory_bytes" } else { "cpu_ms" };
                    assert_eq!(cause["used"].as_f64(), usage[figure].as_f64(), "{answer}");
                } else {
                    assert_eq!(
                        (&answer["status"], limits.as_object().map(serde_json::Map::len)),
                        (&json!("ok"), Some(0))
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn the_address_space_is_limited_on_request_only() {
    const RESERVES: &str = r#"
#include <cstdio>
#include <sys/mman.h>
#include <sys/resource.h>
int main() {
  struct rlimit limit;
  getrlimit(RLIMIT_AS, &limit);
  void *reserved = mmap(nullptr, 1l << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::printf("%lld %s", (long long)limit.rlim_cur, reserved == MAP_FAILED ? "refused" : "reserved");
}"#;
    let node = "console.log(1)";
    let allocates = "try:\n    bytearray(300 << 20)\nexcept MemoryError:\n    print('refused')";
    let limit = |bytes: u64| json!({ "address_space_bytes": bytes });
    check(&[
        cpp("no limit", RESERVES, json!({}), found_out("-1 reserved")),
        cpp("a limit", RESERVES, limit(200 * MIB), found_out(format!("{} refused", 200 * MIB))),
        cpp(
            "more than is needed",
            RESERVES,
            limit(2048 * MIB),
            found_out(format!("{} reserved", 2048 * MIB)),
        ),
        cpp("more than all", RESERVES, limit(1 << 62), found_out("-1 reserved")),
        cpp("the minimum", "int main() {}", limit(4 * MIB), json!({ "limits": limit(4 * MIB) })),
        python("python", allocates, limit(100 * MIB), found_out("refused\n")),
        Case {
            name: "node",
            language: "javascript",
            code: node,
            limits: json!({}),
            expected: found_out("1\n"),
        },
    ])
    .await;
}

#[tokio::test]
async fn the_result_does_not_depend_on_a_pre_warmed_interpreter_with_an_address_space_limit() {
    let settings = Settings { slots: 1, pool: true, ..Settings::default() };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    let code = "import resource\nprint(resource.getrlimit(resource.RLIMIT_AS))";
    for _ in 0..3 {
        let is_warm = || async { daemons.status().await.warm.iter().any(|count| count.ready > 0) };
        assert!(eventually(is_warm).await);
        let limits = json!({ "address_space_bytes": 300 * MIB });
        let answer = daemons.execute(&json!({ "language": "python", "code": code, "limits": limits })).await;
        assert_eq!(answer["stdout"], format!("({0}, {0})\n", 300 * MIB), "{answer}");
        assert_eq!(answer["start"], "cold", "{answer}");
    }
    // The language's own limit is that of the pre-warmed interpreter too.
    drop(daemons);
    let more = "limits.run.address_space = \"400MiB\"".to_owned();
    let daemons = Daemons::start(&Settings { more, ..settings }).await.expect("both daemons start");
    let is_warm = || async {
        daemons.status().await.warm.iter().any(|count| count.language == "python" && count.ready > 0)
    };
    assert!(eventually(is_warm).await);
    let answer = daemons.execute(&json!({ "language": "python", "code": code })).await;
    assert_eq!(answer["stdout"], format!("({0}, {0})\n", 400 * MIB), "{answer}");
    assert_eq!(answer["start"], "warm", "{answer}");
}

#[tokio::test]
async fn a_request_can_limit_the_compilation() {
    let daemons =
        Daemons::start(&Settings { slots: 1, ..Settings::default() }).await.expect("both daemons start");
    let request = |compile_limits: Value| json!({ "language": "cpp", "code": "#include <regex>\nint main() {}", "compile_limits": compile_limits });
    for (limits, status, cause) in [
        (json!({}), "ok", Value::Null),
        (json!({ "cpu_ms": 20 }), "timeout", json!({ "limit": "cpu_time", "allowed": 20.0 })),
        (json!({ "memory_bytes": 8 * MIB }), "memory", json!({ "limit": "memory", "allowed": 8 * MIB })),
        (json!({ "cpu_ms": 10_000_000, "wall_ms": 10_000_000 }), "ok", Value::Null),
    ] {
        let answer = daemons.execute(&request(limits.clone())).await;
        let expected = json!({ "status": status, "compile": { "status": status, "cause": cause } });
        assert!(contradictions(&expected, &answer).is_empty(), "{limits}: {answer}");
        // The maxima hold for the compilation as well, and the run keeps its own limits.
        let applied = &answer["compile_limits"];
        assert!(applied["cpu_ms"].as_u64() <= Some(60_000), "{applied}");
        assert_eq!(answer["limits"]["memory_bytes"], 256 * MIB);
    }
    let small = json!({ "memory_bytes": 1 });
    for language in ["cpp", "python"] {
        let refused = json!({ "language": language, "code": "", "compile_limits": small });
        let refused = daemons.post(&refused).await.expect("a response");
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json["error"], "compile_limits.memory_bytes: memory must be at least 4 MiB");
    }
    let python = json!({ "language": "python", "code": "print(1)", "compile_limits": { "cpu_ms": 1 } });
    let answer = daemons.execute(&python).await;
    assert_eq!((&answer["status"], &answer["compile_limits"]), (&json!("ok"), &Value::Null), "{answer}");
}
