//! The one error of reading a template.

/// What is wrong with the template.
#[derive(Debug, thiserror::Error)]
#[error("template: {0}")]
pub struct TemplateError(pub String);
