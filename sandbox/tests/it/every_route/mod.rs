//! What holds for every route: input that is refused, isolation between tenants, limits, failing
//! providers, permissions and the public contract.

mod access;
mod bad_input;
mod budgets;
mod contract;
mod limits;
mod money_limits;
mod mono_failures;
mod mono_wire;
#[cfg(target_os = "linux")]
mod networks;
mod odd_input;
mod permissions;
mod provider_down;
mod refusals;
mod request;
mod strangers;
