//! The shape itself: a whole conversation through two edges and ten services.

use neipix_tests::client::Surface;

use crate::{auditor::Journal, house::in_house};

#[test]
fn a_priced_conversation_goes_through_every_process_and_is_paid_once() {
    in_house(async |house| {
        let mut journal = Journal::default();
        for (edge, id) in ["m1", "m2", "m3", "m4"].into_iter().enumerate() {
            let answer = house.ask_once(edge, "journey", id).await.expect("nothing is broken");
            assert_eq!(answer["turn"]["state"], "TURN_STATE_DELIVERED", "{answer}");
            assert_eq!(answer["turn"]["answer"], crate::house::ANSWER);
            assert_ne!(answer["turn"]["costMicroPix"], "0", "{answer}");
            journal.acknowledged("journey", id, &answer);
        }
        // The same message by the other edge is the same message.
        let again = house.ask_once(1, "journey", "m1").await.unwrap();
        journal.acknowledged("journey", "m1", &again);
        journal.audit(house).await;
        let wallet =
            house.mesh.rest(1, Surface::Api).acting(house.owner.clone()).get("/api/v1/billing/wallet").await.ok();
        assert_eq!(wallet["heldMicroPix"], "0", "{wallet}");
    });
}
