//! The work of `bench/work` on the code that every HTTP function of the gateway runs on.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use shared::lambda::error::{ApiError, ErrorCode};
use shared::lambda::http_function::{Error, HttpFunction, run};
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::aws;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;

/// What the start makes and an event uses.
struct Work {
    dynamodb: aws_sdk_dynamodb::Client,
    /// A function of the gateway has it too; this event does not need it.
    _sqs: aws_sdk_sqs::Client,
    table: String,
    key_hash: String,
}

impl HttpFunction for Work {
    const NAME: &'static str = "work-ours";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            dynamodb: aws::dynamodb(vars, environment)?,
            _sqs: aws::sqs(vars, environment)?,
            table: vars.required("TENANTS_TABLE")?.to_owned(),
            key_hash: vars.required("WORK_KEY_HASH")?.to_owned(),
        })
    }

    async fn handle(&self, _: &ApiRequest) -> Result<Reply, ApiError> {
        let get = self.dynamodb.get_item().table_name(&self.table).consistent_read(true);
        let key_hash = AttributeValue::S(self.key_hash.clone());
        let read = get.key("key_hash", key_hash).send().await;
        let item = read.map_err(|error| ApiError::unavailable(error.to_string()))?.item;
        let tenant = item.as_ref().and_then(|it| it.get("tenant")?.as_s().ok());
        let missing = || ApiError::new(ErrorCode::NotFound, "There is no such key.");
        Reply::json(&json!({ "tenant": tenant.ok_or_else(missing)? }))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run::<Work>().await
}
