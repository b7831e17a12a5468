//! How fast visitors may be: work for a soft limit, a refusal for a hard one, and nobody else is held up.

use neipix_proto::chats::v1::StartVisitorRequest;
use uuid::Uuid;

use crate::{
    harness::{Test, reason},
    widget_house::{Site, solved},
};

#[tokio::test(flavor = "multi_thread")]
async fn many_new_visitors_of_an_address_do_some_work_and_too_many_are_refused() {
    let t = Test::start().await;
    let site = Site::open(&t).await;
    let browser = site.browser();
    for _ in 0..10 {
        browser.visit().await;
    }
    let refused = browser.start(browser.request()).await.unwrap_err();
    let challenge = refused.challenge().unwrap().to_owned();
    assert_eq!(refused.reason().name, "PROOF_REQUIRED");
    assert!(challenge.starts_with("npx1.16."), "{challenge}");
    let with = |proof| StartVisitorRequest { proof: Some(proof), ..browser.request() };
    let mut wrong = solved(&challenge);
    wrong.n += 1;
    assert_eq!(reason(browser.start(with(wrong)).await), "PROOF_REQUIRED");
    let right = solved(&challenge);
    assert!(browser.start(with(right.clone())).await.is_ok());
    assert_eq!(reason(browser.start(with(right)).await), "PROOF_REQUIRED", "work counts once");
    // Another address is another place; the same network of IPv6 is not.
    let mut other = site.browser();
    other.address = "203.0.113.8".parse().unwrap();
    assert!(other.start(other.request()).await.is_ok());
    let mut last = None;
    for _ in 0..60 {
        let answer = browser.start(browser.request()).await.unwrap_err();
        let name = answer.reason().name;
        last = Some(answer);
        if name == "RATE_LIMITED" {
            break;
        }
    }
    let last = last.unwrap();
    assert_eq!(last.reason().name, "RATE_LIMITED");
    assert!(last.retry_after().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn c_13_a_visitor_who_floods_waits_and_a_repeat_never_does() {
    // trust: C-13
    let t = Test::start().await;
    let site = Site::open(&t).await;
    let (flood, calm) = (site.browser().visit().await, site.browser().visit().await);
    let first = Uuid::now_v7();
    assert!(flood.try_say(first, "строка 0").await.is_ok());
    let mut refused = None;
    for n in 1..10 {
        if let Err(failure) = flood.try_say(Uuid::now_v7(), &format!("строка {n}")).await {
            refused = Some((n, failure));
            break;
        }
    }
    let (n, refused) = refused.unwrap();
    assert_eq!((refused.reason().name, n), ("RATE_LIMITED", 4), "four at once, then one in two seconds");
    assert!(refused.retry_after().unwrap().as_secs() <= 2);
    assert!(flood.try_say(first, "строка 0").await.unwrap().duplicate, "said before: the answer is theirs");
    assert!(calm.try_say(Uuid::now_v7(), "Сколько?").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_answers_twenty_anonymous_visitors_at_once() {
    let t = Test::start().await;
    t.assistants.spec(|spec| spec.answer_delay_seconds = Some(60));
    let site = Site::open(&t).await;
    for n in 0..20u8 {
        let mut browser = site.browser();
        browser.address = std::net::Ipv4Addr::new(198, 51, 100, n).into();
        browser.visit().await.say("Сколько?").await;
    }
    let mut late = site.browser();
    late.address = "198.51.100.99".parse().unwrap();
    let late = late.visit().await;
    assert_eq!(reason(late.try_say(Uuid::now_v7(), "И я?").await), "RATE_LIMITED");
    let (kid, secret) = site.secret().await;
    let known = crate::widget_house::signed(&kid, &secret, &site.key, "u-1");
    let known = late.browser.as_visitor(late.browser.identify("", &known).await.unwrap());
    assert!(known.try_say(Uuid::now_v7(), "И я?").await.is_ok(), "known persons are not in that crowd");
}
