//! DynamoDB: serves the embedded engine behind [`index_lag`], and creates the template's tables in it
//! or in another one.

use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use dynoxide::Database;
use serde_json::Value;
use shared::platform::environment::Environment;

use super::index_lag;
use super::switches::Switches;
use crate::listener::{self, StartupError, listen_anywhere};
use crate::template::stack::TableSpec;

/// How often expired items are deleted. The functions never rely on it.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Serves DynamoDB from `file`, or from memory, and gives its URL.
pub(crate) async fn serve(
    file: Option<&Path>,
    environment: &Environment,
    switches: &Switches,
) -> Result<String, StartupError> {
    let database = match file {
        Some(file) => Database::new(&file.to_string_lossy())?,
        None => Database::memory()?,
    };
    let expiring = database.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            let database = expiring.clone();
            let _ = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        }
    });
    let (inner, target) = listen_anywhere().await?;
    tokio::spawn(dynoxide::server::serve_on(inner, database.clone()));
    let (outer, url) = listen_anywhere().await?;
    let layer = index_lag::router(target.parse()?, database, environment, switches.clone());
    listener::serve(outer, layer);
    Ok(url)
}

/// Creates the tables that are missing.
pub(crate) async fn create_tables(
    client: &Client,
    tables: &[TableSpec],
) -> Result<(), StartupError> {
    for table in tables {
        if exists(client, &table.name).await? {
            continue;
        }
        create(client, table).await?;
        while !exists(client, &table.name).await? {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        if let Some(ttl) = &table.ttl {
            let ttl =
                TimeToLiveSpecification::builder().attribute_name(ttl).enabled(true).build()?;
            let update = client.update_time_to_live().table_name(&table.name);
            update.time_to_live_specification(ttl).send().await?;
        }
    }
    Ok(())
}

async fn exists(client: &Client, table: &str) -> Result<bool, StartupError> {
    match client.describe_table().table_name(table).send().await {
        Ok(answer) => {
            let status = answer.table.and_then(|table| table.table_status);
            Ok(status.is_some_and(|status| status.as_str() == "ACTIVE"))
        }
        Err(error)
            if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

async fn create(client: &Client, table: &TableSpec) -> Result<(), StartupError> {
    let list = |part| table.definition.get(part).and_then(Value::as_array).into_iter().flatten();
    let mut create =
        client.create_table().table_name(&table.name).billing_mode(BillingMode::PayPerRequest);
    for definition in list("AttributeDefinitions") {
        let definition = AttributeDefinition::builder()
            .attribute_name(text(definition, "AttributeName"))
            .attribute_type(ScalarAttributeType::from(text(definition, "AttributeType")));
        create = create.attribute_definitions(definition.build()?);
    }
    for key in list("KeySchema") {
        create = create.key_schema(key_element(key)?);
    }
    for index in list("GlobalSecondaryIndexes") {
        let projection = text(&index["Projection"], "ProjectionType");
        let included = index["Projection"]["NonKeyAttributes"].as_array();
        let included = included
            .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        let projection = Projection::builder()
            .projection_type(ProjectionType::from(projection))
            .set_non_key_attributes(included)
            .build();
        let mut built = GlobalSecondaryIndex::builder()
            .index_name(text(index, "IndexName"))
            .projection(projection);
        for key in index["KeySchema"].as_array().into_iter().flatten() {
            built = built.key_schema(key_element(key)?);
        }
        create = create.global_secondary_indexes(built.build()?);
    }
    create.send().await?;
    Ok(())
}

fn key_element(key: &Value) -> Result<KeySchemaElement, StartupError> {
    let element = KeySchemaElement::builder()
        .attribute_name(text(key, "AttributeName"))
        .key_type(KeyType::from(text(key, "KeyType")));
    Ok(element.build()?)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
