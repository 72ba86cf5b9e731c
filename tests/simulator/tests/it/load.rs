//! Large lists and many requests.

use crate::rig::{Rig, body};
use futures::{StreamExt, stream};
use http::Method;
use std::time::Instant;

#[tokio::test]
async fn ten_thousand_subscriptions_are_listed_in_one_streamed_answer() {
    let rig = Rig::start().await;
    let control = rig.simulator.dixa();
    let template = control
        .create_from_body("example-org", &body("0"))
        .unwrap()
        .content;
    for number in 1..10_000 {
        control.create(
            "example-org",
            provider_simulator::Content {
                name: number.to_string(),
                ..template.clone()
            },
        );
    }
    let answer = rig.get("/v1/webhooks").await;
    assert!(!answer.headers.contains_key("content-length"));
    let data = answer.data();
    let names: Vec<_> = data
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 10_000);
    assert!(
        names
            .iter()
            .enumerate()
            .all(|(number, name)| number.to_string() == **name)
    );
}

#[tokio::test]
async fn requests_at_once_are_all_carried_out_and_numbered_without_a_gap() {
    let rig = Rig::start().await;
    let created = stream::iter(0..200)
        .map(|number| {
            let rig = &rig;
            async move { rig.create(&number.to_string()).await }
        })
        .buffer_unordered(32);
    assert_eq!(created.count().await, 200);
    let numbers: Vec<_> = rig.simulator.log().iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    assert_eq!(rig.simulator.dixa().count(), 200);
}

/// Prints the rate; run it in release with `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
#[allow(clippy::print_stderr)] // the measurement is the output
async fn how_many_requests_a_second() {
    let rig = Rig::start().await;
    let path = format!("/v1/webhooks/{}", rig.create("a").await);
    let start = Instant::now();
    let total = 20_000_u32;
    let all = stream::iter(0..total)
        .map(|_| rig.send(Method::GET, &path, None))
        .buffer_unordered(16);
    assert_eq!(
        all.filter(|answer| std::future::ready(answer.status == 200))
            .count()
            .await,
        total as usize
    );
    let rate = f64::from(total) / start.elapsed().as_secs_f64();
    eprintln!("{rate:.0} requests/s, client included");
}
