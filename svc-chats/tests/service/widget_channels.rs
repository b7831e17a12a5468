//! Channels of kind widget: who may embed them, what is shown of them, their secrets.

use neipix_proto::chats::v1::{
    Channel, ChannelKind, ChannelState, CreateChannelRequest, DeleteChannelRequest, GetChannelRequest,
    GetWidgetPageRequest, UpdateChannelRequest, Widget,
};
use prost_types::FieldMask;
use svc_chats::{channels, widget};

use crate::{
    harness::{Test, reason},
    widget_house::{SHOP, Site, signed},
};

fn page(key: &str) -> GetWidgetPageRequest {
    GetWidgetPageRequest { workspace_id: String::new(), key: key.to_owned() }
}

async fn get(t: &Test, site: &Site<'_>) -> Channel {
    let request = GetChannelRequest { assistant_id: t.assistant.to_string(), id: site.channel.id.clone() };
    channels::rpc::get(&t.chats, t.call("GetChannel", request)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_widget_is_made_changed_and_taken_off_its_sites() {
    let t = Test::start().await;
    let site = Site::with(&t, |w| w.greeting = " Здравствуйте! ".into()).await;
    assert_eq!((site.channel.kind(), site.channel.state()), (ChannelKind::Widget, ChannelState::Connected));
    let made = site.channel.widget.clone().unwrap();
    assert!(made.snippet.contains(&site.key) && made.snippet.contains("/v1/'+k+'.js"), "{}", made.snippet);
    let shown = widget::pages::get_page(&t.chats, t.call("GetWidgetPage", page(&site.key))).await.unwrap();
    assert_eq!(
        (shown.greeting.as_str(), shown.title.as_str(), shown.side.as_str()),
        ("Здравствуйте!", "Магазин", "right")
    );
    assert_eq!(shown.origins, [SHOP, "https://*.big.example"]);

    let change = Channel {
        widget: Some(Widget {
            origins: vec!["https://other.example".into()],
            title: "Помощь".into(),
            ..Widget::default()
        }),
        ..site.channel.clone()
    };
    let update = |etag: &str, paths: &[&str]| UpdateChannelRequest {
        channel: Some(Channel { etag: etag.to_owned(), ..change.clone() }),
        update_mask: Some(FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() }),
    };
    let refused = update("999", &["widget.title"]);
    let refused = channels::rpc::update(&t.chats, t.call("UpdateChannel", refused)).await;
    assert_eq!(reason(refused), "ETAG_MISMATCH");
    let changed = update(&site.channel.etag, &["widget.title"]);
    let changed = channels::rpc::update(&t.chats, t.call("UpdateChannel", changed)).await.unwrap();
    let now = changed.widget.unwrap();
    assert_eq!((now.title.as_str(), now.origins.len(), now.key.as_str()), ("Помощь", 2, site.key.as_str()));
    assert_ne!(changed.etag, site.channel.etag);
    let unknown = update("*", &["widget.key"]);
    let unknown = channels::rpc::update(&t.chats, t.call("UpdateChannel", unknown)).await;
    assert_eq!(reason(unknown), "FIELD_INVALID");

    let request = DeleteChannelRequest { assistant_id: t.assistant.to_string(), id: site.channel.id.clone() };
    let deleted = channels::rpc::delete(&t.chats, t.call("DeleteChannel", request)).await.unwrap();
    assert_eq!(deleted.state(), ChannelState::NotConnected);
    let gone = widget::pages::get_page(&t.chats, t.call("GetWidgetPage", page(&site.key))).await;
    assert_eq!(reason(gone), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_widget_without_good_sites_is_refused_and_names_the_entry() {
    let t = Test::start().await;
    for (origins, field) in [
        (vec![], "widget.origins"),
        (vec![SHOP.to_owned(), "http://shop.example".to_owned()], "widget.origins[1]"),
        (vec!["https://shop.example; script-src *".to_owned()], "widget.origins[0]"),
    ] {
        let request = CreateChannelRequest {
            assistant_id: t.assistant.to_string(),
            kind: ChannelKind::Widget.into(),
            widget: Some(Widget { origins, ..Widget::default() }),
            ..CreateChannelRequest::default()
        };
        let refused = channels::rpc::create(&t.chats, t.call("CreateChannel", request)).await.unwrap_err();
        assert_eq!(refused.fields()[0].field, field);
    }
    assert_eq!(t.number("SELECT count(*) FROM channel WHERE kind = 'widget'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_are_good_and_none_of_them_is_shown_again_or_stored_plain() {
    let t = Test::start().await;
    let site = Site::open(&t).await;
    let browser = site.browser();
    let (first, second, third) = (site.secret().await, site.secret().await, site.secret().await);
    assert_eq!((first.0.as_str(), second.0.as_str(), third.0.as_str()), ("k1", "k2", "k3"));
    let token = |(kid, secret): &(String, String)| signed(kid, secret, &site.key, "u-1");
    assert_eq!(reason(browser.identify("", &token(&first)).await), "IDENTITY_INVALID");
    for good in [&second, &third] {
        assert!(browser.identify("", &token(good)).await.unwrap().identified);
    }
    let shown: Vec<String> = get(&t, &site).await.widget.unwrap().secrets.into_iter().map(|s| s.kid).collect();
    assert_eq!(shown, ["k3", "k2"]);
    let plain = format!(
        "SELECT count(*) FROM widget_secret WHERE position('{}'::bytea IN sealed) > 0 OR position('{}'::bytea IN sealed) > 0",
        second.1, third.1
    );
    assert_eq!(t.number(&plain).await, 0);
}
