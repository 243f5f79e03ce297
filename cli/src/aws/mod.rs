//! The AWS account of the operator: [`session`] finds region and credentials, [`stack`] a stack's resources,
//! [`api`] makes calls.

pub mod api;
pub mod session;
pub mod stack;
mod xml;
