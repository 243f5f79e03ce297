//! A function that answers with its event, built as the functions of the gateway are: one thread, no features of
//! `lambda_runtime`, and the allocator of a release.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(echo)).await
}

async fn echo(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
