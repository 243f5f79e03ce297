//! The keys and the number that most tests use.

/// The key of the first tenant.
pub const KEY: &str = "test_sk_first";
/// The key of the second tenant.
pub const OTHER_KEY: &str = "test_sk_second";
/// A number of MTN's that the simulated providers know.
pub const PHONE: &str = "08031234567";
