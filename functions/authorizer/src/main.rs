//! The `authorizer` function's binary.

use authorizer::{Authorizer, AuthorizerEvent};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::platform::aws;
use shared::platform::config::Vars;
use shared::platform::environment::Environment;
use shared::platform::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log::init(["authorizer"]);
    let (vars, environment) = (Vars::from_process(), Environment::real());
    let authorizer = &Authorizer::new(&vars, &environment)?;
    environment.http.warm(&aws::dynamodb_url(&vars)?).await;
    let decide = |event: LambdaEvent<AuthorizerEvent>| async move {
        authorizer.decide(event.payload).await.map_err(Error::from)
    };
    lambda_runtime::run(service_fn(decide)).await
}
