//! What a Lambda function is made of: the HTTP function, the queue function, the running instance
//! and the errors that a tenant reads.

pub mod error;
pub mod http_function;
pub mod instance;
pub mod queue_function;
pub mod reply;
pub mod request;
