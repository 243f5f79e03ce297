//! The clients of the providers: Mono, VTpass and MTN. Each provider has a folder with its wire
//! types, its codes and its client; the private files here hold what the three clients share.

mod answer;
mod json;
mod request;
#[cfg(test)]
mod test_support;

pub mod mono;
pub mod mtn;
pub mod vtpass;
