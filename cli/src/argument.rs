//! Arguments that several commands take.

use shared::domain::ids::TenantId;

/// Reads a tenant's id.
///
/// # Errors
/// What is wrong with it, for the usage message.
pub fn tenant(text: &str) -> Result<TenantId, &'static str> {
    TenantId::parse(text).ok_or("must be 1 to 64 of letters, digits, _ and -")
}
