//! What stands in for AWS: API Gateway, Lambda with its triggers and schedules, DynamoDB, SQS and
//! Secrets Manager.

pub mod api_gateway;
pub(crate) mod dynamodb;
pub mod lambda;
pub(crate) mod schedules;
pub mod secrets;
pub(crate) mod sqs;
pub(crate) mod triggers;
