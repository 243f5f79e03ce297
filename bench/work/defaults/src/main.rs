//! The work of `bench/work` with every default left alone.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_http::{Body, Error, Request, Response, run, service_fn, tracing};
use serde_json::{Map, Value, json};

/// The variables that name a secret.
const SECRETS: [&str; 4] = ["LIMITS_SECRET", "MONO_SECRET", "MTN_SECRET", "VTPASS_SECRET"];

/// What the start makes and an event uses.
struct Work {
    dynamodb: aws_sdk_dynamodb::Client,
    table: String,
    key_hash: String,
    /// A function of the gateway has these too; this event needs none of them.
    _others: (aws_sdk_sqs::Client, reqwest::Client, Vec<Map<String, Value>>),
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let secrets = secrets(&aws_sdk_secretsmanager::Client::new(&config)).await?;
    let work = &Work {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        table: std::env::var("TENANTS_TABLE")?,
        key_hash: std::env::var("WORK_KEY_HASH")?,
        _others: (aws_sdk_sqs::Client::new(&config), reqwest::Client::new(), secrets),
    };
    run(service_fn(|_: Request| answer(work))).await
}

/// Fetches the secrets that the variables name, by one call.
async fn secrets(
    manager: &aws_sdk_secretsmanager::Client,
) -> Result<Vec<Map<String, Value>>, Error> {
    let named: Vec<String> = SECRETS.iter().filter_map(|name| std::env::var(name).ok()).collect();
    let asked = named.len();
    let answer = manager.batch_get_secret_value().set_secret_id_list(Some(named)).send().await?;
    let texts = answer.secret_values().iter().filter_map(|secret| secret.secret_string());
    let secrets: Vec<_> = texts.map(serde_json::from_str).collect::<Result<_, _>>()?;
    if secrets.len() == asked { Ok(secrets) } else { Err("a secret is missing".into()) }
}

async fn answer(work: &Work) -> Result<Response<Body>, Error> {
    let get = work.dynamodb.get_item().table_name(&work.table).consistent_read(true);
    let read = get.key("key_hash", AttributeValue::S(work.key_hash.clone())).send().await?;
    let item = read.item.ok_or("there is no such key")?;
    let tenant = item.get("tenant").and_then(|it| it.as_s().ok()).ok_or("it has no tenant")?;
    tracing::info!(tenant, "answered");
    let body = json!({ "tenant": tenant }).to_string();
    Ok(Response::builder().header("content-type", "application/json").body(body.into())?)
}
