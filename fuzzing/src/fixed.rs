//! Runs a property over a few hundred inputs, the same ones each time.

use crate::{Choices, MAX_BYTES};

/// How many inputs there are for one fuzz test.
const CASES: usize = 400;

/// Shows the input that a property fails for.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the property fails for the input {:?}", self.0);
        }
    }
}

/// Runs a property over many inputs. `FUZZ_CASES` asks for another number of them.
///
/// # Panics
/// When the property fails.
pub fn fuzz(property: impl Fn(&mut Choices<'_>) + 'static) {
    let cases = std::env::var("FUZZ_CASES").ok().and_then(|cases| cases.parse().ok());
    // Each test has its own inputs: the seed is made of its name.
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let seed =
        name.bytes().fold(0, |seed: u64, b| (seed ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let mut random = Random(seed);
    property(&mut Choices::new(&[]));
    for _ in 0..cases.unwrap_or(CASES) {
        let length = usize::from(random.byte()) * usize::from(random.byte()) % MAX_BYTES;
        let bytes: Vec<u8> = (0..length).map(|_| random.byte()).collect();
        let shown = Shown(&bytes);
        property(&mut Choices::new(shown.0));
    }
}

/// The generator SplitMix64.
struct Random(u64);

impl Random {
    fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed.to_be_bytes()[0]
    }
}
