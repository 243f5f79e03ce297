//! One HTTPS call for each event, by reqwest on its defaults. `SSL_CERT_FILE` has the certificates of the
//! machine and the benchmark's own root.

use lambda_http::{Body, Error, Request, Response, run, service_fn, tracing};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let (client, url) = (&reqwest::Client::new(), &std::env::var("HTTPS_URL")?);
    let call = |_: Request| async move {
        let answer = client.get(url).send().await?;
        Ok::<_, Error>(Response::builder().status(answer.status()).body(Body::Empty)?)
    };
    run(service_fn(call)).await
}
