//! Reads `template.yaml` as CloudFormation and SAM would, and refuses what it does not know.
//!
//! - [`yaml`] reads YAML with CloudFormation's short tags.
//! - [`Template`] holds a template with values for its parameters, and evaluates a resource's
//!   properties.
//! - [`stack::Stack`] is what the template deploys, in the sandbox's types.

mod account;
mod document;
mod error;
mod intrinsics;
mod reader;
pub mod stack;
pub mod yaml;

pub use self::account::{ACCOUNT, REGION, SandboxDeployment, queue_arn};
pub use self::document::Template;
pub use self::error::TemplateError;
