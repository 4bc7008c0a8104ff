//! What limits cost: the web path without, and behind nginx's `limit_req` per address over a million clients.
//!
//! The quoted ratio is that of the table at the end, where both take turns.

mod cases;
mod interleaved;

use capsim::metrics::Recorder;

fn main() {
    let names = ["w3", "w3_limit_req"];
    cases::bench("limits", names, ("request", Recorder::n_arrived));
}
