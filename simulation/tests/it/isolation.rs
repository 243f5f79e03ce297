//! Receivers that never answer or are slow hold up no other one.

use simulation::isolation::measure;
use simulation::world::Blueprint;

#[test]
fn ten_dead_and_ten_slow_receivers_do_not_hold_up_the_others() {
    let blueprint = Blueprint::new().unwrap();
    let (without, with) = (measure(&blueprint, 10, false), measure(&blueprint, 10, true));
    assert_eq!((without.arrived, with.arrived), (800, 800), "each event arrives");
    assert!(with.median_ms <= 2 * without.median_ms, "{without:?} {with:?}");
    // A dead one that took a place from them would cost them 15 seconds.
    assert!(with.longest_ms < 1_000, "{without:?} {with:?}");
}
