//! An empty function for HTTP requests, built as the functions of the gateway are: it answers with the
//! request's body.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

// For the allocator of a release.
use shared as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(echo)).await
}

async fn echo(request: Request) -> Result<Response<Body>, Error> {
    Ok(Response::new(request.into_body()))
}
