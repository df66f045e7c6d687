//! Right and wrong solutions of problems with checkers and interactors get the verdicts that they deserve. The problems are in
//! `e2e/judged`, one file each.

#![forbid(unsafe_code)]

use e2e::daemons::{Daemons, Settings};
use e2e::judged::load;
use futures_util::{StreamExt, stream};

/// Solutions that are judged at the same time.
const CONCURRENT: usize = 2;

#[tokio::test]
async fn each_solution_gets_its_verdict() {
    let daemons = Daemons::start(&Settings::from_environment()).await.expect("both daemons start");
    let problems = load().expect("problems");
    let solutions =
        problems.iter().flat_map(|problem| problem.solutions.iter().map(move |one| (problem, one)));
    let judged = stream::iter(solutions).map(|(problem, solution)| {
        let request = problem.request(solution);
        let daemons = &daemons;
        async move {
            let answer = daemons.execute(&request).await;
            let wrong = solution.contradiction(&answer)?;
            Some(format!("{}, {} ({}): {wrong}", problem.name, solution.name, solution.language))
        }
    });
    let wrong: Vec<_> =
        judged.buffer_unordered(CONCURRENT).filter_map(|wrong| async move { wrong }).collect().await;
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), daemons.logs());
    assert!(e2e::daemons::eventually(|| async { daemons.status().await.running == 0 }).await);
    assert_eq!(daemons.status().await.quarantined_uids, 0, "{}", daemons.logs());
}
