//! One mesh for all tests of this suite that ask it. They take turns; nothing in it is killed.

use std::sync::LazyLock;

use neipix_tests::telegram::Telegram;
use tokio::{
    runtime::Runtime,
    sync::{Mutex, OnceCell},
};

use crate::place::Place;

struct House {
    place: Place,
    telegram: Telegram,
}

/// Held while the mesh starts or is asked: its processes need the whole machine.
pub static TURN: Mutex<()> = Mutex::const_new(());
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static HOUSE: OnceCell<House> = OnceCell::const_new();

/// Runs a test in the mesh, alone. The mesh outlives the tests and falls with the program.
pub fn in_mesh(test: impl AsyncFnOnce(&Place, &Telegram)) {
    RUNTIME.block_on(async {
        let _alone = TURN.lock().await;
        let house = HOUSE.get_or_init(build).await;
        test(&house.place, &house.telegram).await;
    });
}

async fn build() -> House {
    let telegram = Telegram::start().await.expect("the stand-in");
    House { place: Place::mesh(&telegram).await, telegram }
}
