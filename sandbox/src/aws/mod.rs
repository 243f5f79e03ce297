//! What stands in for AWS: API Gateway, Lambda with its triggers and schedules, DynamoDB, SQS and
//! Secrets Manager. [`switches`] are for their faults.

pub mod api_gateway;
pub(crate) mod dynamodb;
pub mod engine;
pub mod index_lag;
pub mod instances;
pub mod lambda;
pub mod processes;
pub mod runtime_api;
pub(crate) mod schedules;
pub mod secrets;
pub mod sqs;
pub mod switches;
pub mod triggers;
