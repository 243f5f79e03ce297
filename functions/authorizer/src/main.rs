//! Wiring of the authorizer.

use authorizer::Authorizer;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::config::Vars;
use shared::world::World;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::log::init();
    let (vars, world) = (Vars::from_process(), World::real());
    let authorizer = &Authorizer::new(&vars, &world)?;
    world.http.warm(&shared::aws::dynamodb_url(&vars)?).await;
    let decide = |event: LambdaEvent<authorizer::Event>| async move {
        authorizer.decide(event.payload).await.map_err(Error::from)
    };
    lambda_runtime::run(service_fn(decide)).await
}
