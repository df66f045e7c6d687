use super::{ClientKey, ClientLoad, FairQueue, MAX_REMEMBERED};

fn key(levels: &str) -> ClientKey {
    let mut levels: Vec<_> = levels.split('/').map(ToOwned::to_owned).collect();
    let name = levels.pop();
    ClientKey::new(1, levels, name)
}

fn queue(requests: &[&'static str]) -> FairQueue<&'static str> {
    let mut queue = FairQueue::new();
    for &request in requests {
        queue.push(&key(request), request, true);
    }
    queue
}

fn served(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
    std::iter::from_fn(|| {
        let request = queue.pop(&|_, _| true)?;
        queue.started(&key(request));
        Some(request)
    })
    .collect()
}

#[test]
fn networks_take_turns_before_their_clients_do() {
    let mut queue = queue(&["n/a", "n/b", "n/c", "n/c", "m/d", "e"]);
    let expected = ["m/d", "n/a", "e", "n/b", "n/c", "n/c"];
    assert_eq!(queue.in_order().into_iter().copied().collect::<Vec<_>>(), expected);
    assert_eq!(served(&mut queue), expected);
}

#[test]
fn a_client_that_runs_is_served_after_those_that_do_not() {
    let mut queue = queue(&["n/a", "n/b", "c"]);
    queue.started(&key("n/a"));
    queue.started(&key("n/a"));
    queue.started(&key("n/b"));
    let expected = ["c", "n/b", "n/a"];
    assert_eq!(queue.in_order().into_iter().copied().collect::<Vec<_>>(), expected);
    let client_load = |running, unused_levels, levels| ClientLoad { running, unused_levels, levels };
    for (client, expected) in
        [("c", client_load(0, 1, 2)), ("n/b", client_load(1, 0, 3)), ("n/a", client_load(2, 0, 3))]
    {
        assert_eq!(queue.pop(&|&request, found| request == client && found != expected), None, "{client}");
    }
    assert_eq!(served(&mut queue), expected);
    for request in ["n/a", "n/a", "n/a", "n/b", "n/b", "c"] {
        queue.stopped(&key(request));
    }
    assert_eq!((queue.len(), queue.root.branches.len()), (0, 0));
}

#[test]
fn a_client_that_ran_is_served_after_one_that_waited_meanwhile() {
    let mut queue = queue(&["n/a", "m/b"]);
    queue.started(&key("n/a"));
    queue.stopped(&key("n/a"));
    assert_eq!(served(&mut queue), ["m/b", "n/a"]);
}

/// Serves one request on the only slot, to its end.
fn serve(queue: &mut FairQueue<String>) -> Option<String> {
    let request = queue.pop(&|_, _| true)?;
    queue.started(&key(&request));
    queue.stopped(&key(&request));
    Some(request)
}

fn send(queue: &mut FairQueue<String>, client: &str) {
    queue.push(&key(client), client.to_owned(), true);
}

#[test]
fn a_newcomer_is_served_within_two_turns_of_a_flood() {
    for is_repeated in [false, true] {
        let mut queue = FairQueue::new();
        for round in 0..6 {
            for network in 0..60 {
                send(&mut queue, &format!("n{network}/m{}/a{round}", round % 2));
            }
        }
        for turn in 0..150 {
            let served = serve(&mut queue).unwrap();
            if is_repeated {
                // A client of the flood sends the next request as soon as it has a response.
                send(&mut queue, &served);
            }
            if turn % 10 == 9 {
                let newcomer = format!("new{turn}/m/a");
                send(&mut queue, &newcomer);
                let expected = queue.in_order().iter().position(|&request| *request == newcomer);
                let first: Vec<_> = (0..2).filter_map(|_| serve(&mut queue)).collect();
                assert!(first.contains(&newcomer), "turn {turn}: {first:?}");
                assert_eq!(expected, first.iter().position(|request| *request == newcomer));
            }
        }
    }
}

#[test]
fn a_newcomer_in_a_network_that_waits_is_served_within_two_turns_of_it() {
    let mut queue = FairQueue::new();
    for address in (0..60).chain(0..60) {
        send(&mut queue, &format!("n/m/a{address}"));
        send(&mut queue, &format!("other/m/a{address}"));
    }
    (0..20).for_each(|_| drop(serve(&mut queue)));
    send(&mut queue, "n/m/new");
    let first: Vec<_> = (0..4).filter_map(|_| serve(&mut queue)).collect();
    assert!(first.contains(&"n/m/new".to_owned()), "{first:?}");
}

#[test]
fn a_flood_from_ever_new_networks_delays_those_that_wait_by_its_requests_only() {
    const CAPACITY: usize = 64;
    let mut queue = FairQueue::new();
    let (mut newcomers, mut since_old) = (0, 0);
    for _ in 0..1000 {
        if !queue.in_order().iter().any(|&request| request == "old/m/a") {
            send(&mut queue, "old/m/a");
        }
        while queue.len() < CAPACITY {
            send(&mut queue, &format!("new{newcomers}/m/a"));
            newcomers += 1;
        }
        let is_old = serve(&mut queue).unwrap() == "old/m/a";
        since_old = if is_old { 0 } else { since_old + 1 };
        // Each of them may be served before, and those that come meanwhile have every other turn.
        assert!(since_old <= 2 * CAPACITY, "{since_old}");
    }
    assert!(newcomers > 900);
}

/// Sends a request to a queue with as many places as networks of a flood, and returns whether it has one.
fn send_if_there_is_room(queue: &mut FairQueue<String>, client: &str) -> bool {
    let has_room = queue.len() < PLACES || queue.make_room_for(&key(client));
    if has_room {
        send(queue, client);
    }
    has_room
}

const PLACES: usize = 64;

#[test]
fn a_newcomer_is_served_within_two_turns_when_other_networks_have_all_places() {
    let mut queue = FairQueue::new();
    let mut waiting_flood = 0..PLACES + 20;
    // All networks of the flood send again as soon as they have a response.
    let mut turn = |queue: &mut FairQueue<String>| {
        let served = serve(queue).unwrap();
        while queue.len() < PLACES {
            let client =
                waiting_flood.next().map_or_else(|| served.clone(), |number| format!("n{number}/m/a"));
            send(queue, &client);
        }
        served
    };
    send(&mut queue, "n/m/first");
    for number in 0..300 {
        turn(&mut queue);
        // Each of them was served before.
        if number > 2 * PLACES && number % 10 == 0 {
            let newcomer = format!("new{number}/m/a");
            assert!(send_if_there_is_room(&mut queue, &newcomer), "{number}");
            assert_eq!(queue.len(), PLACES);
            let first = [turn(&mut queue), turn(&mut queue)];
            assert!(first.contains(&newcomer), "{number}: {first:?}");
        }
    }
}

#[test]
fn a_client_that_sends_again_has_a_place_when_ever_new_networks_want_all() {
    let mut queue = FairQueue::new();
    let mut newcomers = PLACES;
    (0..PLACES).for_each(|number| send(&mut queue, &format!("new{number}/m/a")));
    (0..4).for_each(|_| drop(serve(&mut queue)));
    send(&mut queue, "old/m/a");
    let (mut since_old, mut rounds) = (0, 0);
    for _ in 0..500 {
        for _ in 0..4 {
            send_if_there_is_room(&mut queue, &format!("new{newcomers}/m/a"));
            newcomers += 1;
        }
        since_old += 1;
        if serve(&mut queue).unwrap() == "old/m/a" {
            (since_old, rounds) = (0, rounds + 1);
            send_if_there_is_room(&mut queue, &format!("another{newcomers}/m/a"));
            assert_eq!(queue.len(), PLACES);
            assert!(send_if_there_is_room(&mut queue, "old/m/a"), "{newcomers}");
        }
        assert!(since_old <= 2 * PLACES, "{since_old}");
    }
    assert!(rounds > 3, "{rounds}");
}

#[test]
fn a_client_that_was_just_served_is_not_new() {
    let mut queue = FairQueue::new();
    for client in ["a", "b", "c"] {
        send(&mut queue, client);
    }
    let mut order = Vec::new();
    for _ in 0..9 {
        let served = serve(&mut queue).unwrap();
        send(&mut queue, &served);
        order.push(served);
    }
    assert_eq!(order.concat(), "abcabcabc");
}

#[test]
fn few_branches_are_remembered() {
    let mut queue = FairQueue::new();
    send(&mut queue, "blocked");
    for number in 0..1000 {
        let client = format!("n{number}/a");
        send(&mut queue, &client);
        assert!(queue.pop(&|request, _| request != "blocked").is_some());
        queue.started(&key(&client));
        queue.stopped(&key(&client));
    }
    // Below the user.
    assert_eq!(queue.root.branches[0].branches.len(), 1 + MAX_REMEMBERED);
    // A request that left the queue was not served.
    send(&mut queue, "left");
    queue.retain(&|request| request == "blocked");
    assert!(queue.root.branches[0].find("client left").is_none());
    queue.clear();
    assert_eq!(queue.root.branches.len(), 0);
}

#[test]
fn a_request_that_may_not_start_is_passed_by_others() {
    let mut queue = queue(&["a", "b"]);
    assert_eq!(queue.pop(&|&request, _| request != "a"), Some("b"));
    assert_eq!(queue.pop(&|_, _| false), None);
    assert_eq!(queue.in_order(), [&"a"]);
}

#[test]
fn the_largest_branch_of_the_outermost_level_makes_room() {
    for (requests, newcomer, expected) in [
        (vec!["n/a", "n/b", "n/c"], "m/d", Some(vec!["n/a", "n/b"])),
        (vec!["n/a", "n/b", "n/c"], "n/d", None),
        (vec!["n/a", "n/b", "n/b"], "n/d", Some(vec!["n/a", "n/b"])),
        (vec!["n/a", "m/b"], "k/c", None),
        (vec!["a", "a"], "a", None),
    ] {
        let mut queue = queue(&requests);
        assert_eq!(queue.make_room_for(&key(newcomer)), expected.is_some(), "{requests:?} {newcomer}");
        let left: Vec<_> = queue.in_order().into_iter().copied().collect();
        assert_eq!(left, expected.unwrap_or(requests));
    }
}
