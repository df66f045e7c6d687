//! Java programs whose compiler is forked from a zygote, a JVM with a warm javac.

#![forbid(unsafe_code)]

use std::fs;

use e2e::daemons::{Daemons, Settings};
use e2e::differential::pool;
use e2e::inventory;
use serde_json::{Value, json};

/// Programs that are correct, with errors of several kinds, and in several files.
fn requests() -> Vec<Value> {
    let main =
        |body: &str| format!("public class Main {{ public static void main(String[] a) {{ {body} }} }}");
    vec![
        json!({ "language": "java", "code": main("System.out.println(java.util.List.of(1, 2));") }),
        json!({ "language": "java", "code": main("int n = \"text\"; undefined();") }),
        json!({ "language": "java", "code": main("enum E { A } record R(E e) {} System.out.println(new R(E.A));") }),
        json!({ "language": "java", "files": [
            { "name": "Main.java", "content": main("System.out.println(Other.of(21));") },
            { "name": "Other.java", "content": "class Other { static int of(int n) { return n * 2; } }" },
        ] }),
    ]
}

/// Returns what a client sees, except for figures.
fn outcome(answer: &Value) -> Value {
    json!([answer["status"], answer["stdout"], answer["stderr"], answer["compile"]["output"]])
}

/// Returns how many processes of the users of zygotes execute Java: zygotes, and the inits that were forked from them.
fn jvms(daemons: &Daemons) -> usize {
    let processes = inventory::processes(&daemons.zygote_ids).expect("processes are listed");
    let is_java = |pid| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"/launcher/java\0"))
    };
    processes.iter().filter(|process| is_java(process.pid)).count()
}

#[tokio::test]
async fn a_fork_compiles_what_a_jvm_of_its_own_compiles() {
    let cold = Daemons::start(&Settings { slots: 1, pool: false, ..Settings::default() }).await;
    let cold = cold.expect("both daemons start");
    let settings = Settings { slots: 1, pool: true, zygotes: Some(true), ..Settings::default() };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    for request in requests() {
        let expected = outcome(&cold.execute(&request).await);
        for _ in 0..2 {
            pool::ready(&daemons, "java", &["compile", "run"]).await.expect("a sandbox waits");
            let forked = jvms(&daemons);
            assert!(forked >= 2, "no zygote, or no init that was forked from it: {forked}");
            let answer = daemons.execute(&request).await;
            assert_eq!(answer["compile"]["start"], "warm", "{answer}");
            assert_eq!(outcome(&answer), expected);
        }
    }
    assert!(!daemons.logs().contains("zygote"), "{}", daemons.logs());
}

#[tokio::test]
async fn programs_with_other_limits_do_not_wait_for_a_zygote() {
    let settings = Settings { slots: 1, pool: true, zygotes: Some(true), ..Settings::default() };
    let daemons = Daemons::start(&settings).await.expect("both daemons start");
    pool::ready(&daemons, "java", &["compile", "run"]).await.expect("a sandbox waits");
    let mut request = requests().swap_remove(0);
    request["compile_limits"] = json!({ "address_space_bytes": 1_u64 << 40 });
    let answer = daemons.execute(&request).await;
    assert_eq!((&answer["compile"]["start"], &answer["stdout"]), (&json!("cold"), &json!("[1, 2]\n")));
}
