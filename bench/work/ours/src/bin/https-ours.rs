//! One HTTPS call for each event, by an HTTP client like that of the gateway's functions, which trusts the
//! benchmark's own root certificate besides. No function can be given another root, so this one makes its
//! client itself, with the settings of `shared/src/platform/http.rs`.

use std::env;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use reqwest::Client;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

// For the allocator of a release.
use shared as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (client, url) = (&client()?, &env::var("HTTPS_URL")?);
    let call = |_: LambdaEvent<Value>| async move {
        let answer = client.get(url).send().await?;
        Ok::<_, Error>(json!({ "statusCode": answer.status().as_u16() }))
    };
    run(service_fn(call)).await
}

fn client() -> Result<Client, Error> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots.add(CertificateDer::from(std::fs::read(env::var("HTTPS_ROOT")?)?))?;
    let provider = rustls::crypto::ring::default_provider().into();
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::builder().tls_backend_preconfigured(tls).no_proxy();
    Ok(client.redirect(reqwest::redirect::Policy::none()).build()?)
}
