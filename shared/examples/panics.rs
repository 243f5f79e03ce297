//! A function that counts its requests and panics where it is told to: `.ci/binaries` shows with it
//! that under the real runtime a panic costs one answer, and not the instance.

use std::sync::atomic::{AtomicU32, Ordering};

use shared::domain::disclosure::Shown;
use shared::lambda::error::ApiError;
use shared::lambda::http_function::{Error, HttpFunction, run};
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;

struct Panics {
    requests: AtomicU32,
}

impl HttpFunction for Panics {
    const NAME: &'static str = "panics";

    fn new(_: &Vars, _: &Environment) -> Result<Self, ConfigError> {
        Ok(Self { requests: AtomicU32::new(0) })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(request.route != "GET /reports/{date}", "told to, by 07082109281");
        Ok(Reply::successful(number)?.shows(Shown::Nobody))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run::<Panics>().await
}
