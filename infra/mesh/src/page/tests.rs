use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use neipix_proto::{assistants::v1::ListAssistantsRequest, methods};
use prost::Message as _;
use uuid::Uuid;

use super::*;
use crate::{access::roles::Permissions, context::Caller, ids::WorkspaceId, secret::Secret};

const LIST: &str = "/neipix.assistants.v1.AssistantService/ListAssistants";

fn tokens(keys: &[(&str, u8)]) -> PageTokens {
    let keys = keys.iter().map(|(kid, byte)| ((*kid).to_owned(), Secret::new(vec![*byte; 32])));
    PageTokens::new(Keyring::new(keys.collect()).unwrap())
}

fn context(path: &str, workspace: u128, request: &ListAssistantsRequest) -> Arc<CallContext> {
    Arc::new(CallContext {
        method: methods().get(path).unwrap(),
        caller: Caller::Anonymous,
        workspace: WorkspaceId(Uuid::from_u128(workspace)),
        assistant: None,
        permissions: Permissions::none(),
        deadline: Instant::now() + Duration::from_secs(1),
        traceparent: String::new(),
        request_id: String::new(),
        idempotency_key: None,
        body: Bytes::from(request.encode_to_vec()),
        authorization: None,
        address: None,
        origin: None,
    })
}

fn is_refused(answer: Result<Option<u64>, Failure>) -> bool {
    let failure = answer.expect_err("must be refused");
    failure.is(ErrorReason::PageTokenInvalid) && failure.fields()[0].field == "page_token"
}

#[test]
fn e_15_a_token_is_good_for_its_list_only() {
    // trust: E-15
    let tokens = tokens(&[("k1", 1)]);
    let request = ListAssistantsRequest { page_size: 10, ..ListAssistantsRequest::default() };
    let mine = context(LIST, 1, &request);
    let token = tokens.encode(&mine, &77u64).unwrap();
    assert_eq!(tokens.decode(&mine, &token).unwrap(), Some(77u64));
    assert_eq!(tokens.decode::<u64>(&mine, "").unwrap(), None, "the first page");
    // The next page is asked for with the token, and may have another size.
    let next = ListAssistantsRequest { page_size: 20, page_token: token.clone(), ..request.clone() };
    assert_eq!(tokens.decode(&context(LIST, 1, &next), &token).unwrap(), Some(77u64));

    let other_order = ListAssistantsRequest { order_by: "name".to_owned(), ..request.clone() };
    assert!(is_refused(tokens.decode(&context(LIST, 2, &request), &token)), "another workspace");
    assert!(is_refused(tokens.decode(&context(LIST, 1, &other_order), &token)), "another order");
    let other_list = "/neipix.auth.v1.AuthService/ListApiKeys";
    let bare = ListAssistantsRequest::default();
    let of_bare = tokens.encode(&context(LIST, 1, &bare), &1u64).unwrap();
    assert!(is_refused(tokens.decode(&context(other_list, 1, &bare), &of_bare)), "another list");
}

#[test]
fn e_15_a_changed_or_cut_token_is_refused() {
    // trust: E-15
    let tokens = tokens(&[("k1", 1)]);
    let mine = context(LIST, 1, &ListAssistantsRequest::default());
    let token = tokens.encode(&mine, &77u64).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(is_refused(tokens.decode(&mine, &URL_SAFE_NO_PAD.encode(flipped))), "bit {bit}");
    }
    for cut in 1..token.len() {
        assert!(is_refused(tokens.decode(&mine, &token[..cut])), "cut at {cut}");
    }
    for junk in ["!", "a b", "ÿ", &"A".repeat(4_000)] {
        assert!(is_refused(tokens.decode(&mine, junk)), "{junk}");
    }
}

#[test]
fn keys_rotate_without_breaking_lists_in_use() {
    let mine = context(LIST, 1, &ListAssistantsRequest::default());
    let token = tokens(&[("k1", 1)]).encode(&mine, &77u64).unwrap();
    assert_eq!(tokens(&[("k2", 2), ("k1", 1)]).decode(&mine, &token).unwrap(), Some(77u64));
    assert!(is_refused(tokens(&[("k2", 2)]).decode(&mine, &token)));
}

#[test]
fn e_15_a_page_has_fifty_rows_by_itself_and_two_hundred_at_most() {
    // trust: E-15
    let sizes = [(0, 50), (1, 1), (200, 200), (201, 200), (1_000_000_000, 200), (i32::MAX, 200)];
    for (asked, rows) in sizes {
        assert_eq!(Size::new(asked).fetch(), rows + 1, "page_size {asked}");
    }
    let mut rows = vec![1, 2, 3];
    assert_eq!(Size::new(2).cut(&mut rows), Some(&2));
    assert_eq!(rows, [1, 2]);
    assert_eq!(Size::new(2).cut(&mut rows), None, "the last page");
}
