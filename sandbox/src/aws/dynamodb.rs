//! DynamoDB: serves the embedded engine behind [`index_lag`], and creates the template's tables in it
//! or in another one.

use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
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
    let (listener, url) = listen_anywhere().await?;
    listener::serve(listener, index_lag::router(database, environment, switches.clone()));
    Ok(url)
}

/// Creates the tables that are missing, and adds the indexes that an older version's tables lack.
pub(crate) async fn create_tables(
    client: &Client,
    tables: &[TableSpec],
) -> Result<(), StartupError> {
    for table in tables {
        if let Some(there) = describe(client, &table.name).await? {
            add_indexes(client, table, &there).await?;
            continue;
        }
        create(client, table).await?;
        until_active(client, &table.name).await?;
        if let Some(ttl) = &table.ttl {
            let ttl =
                TimeToLiveSpecification::builder().attribute_name(ttl).enabled(true).build()?;
            let update = client.update_time_to_live().table_name(&table.name);
            let updated = update.time_to_live_specification(ttl).send().await;
            // The same: a repeat is refused because it is on already.
            if let Err(error) = updated
                && !has_ttl(client, &table.name).await?
            {
                return Err(error.into());
            }
        }
    }
    Ok(())
}

async fn has_ttl(client: &Client, table: &str) -> Result<bool, StartupError> {
    let answer = client.describe_time_to_live().table_name(table).send().await?;
    let status = answer.time_to_live_description.and_then(|ttl| ttl.time_to_live_status);
    Ok(matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)))
}

async fn describe(client: &Client, table: &str) -> Result<Option<TableDescription>, StartupError> {
    match client.describe_table().table_name(table).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error)
            if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Waits until a table and its indexes can be used.
async fn until_active(client: &Client, table: &str) -> Result<(), StartupError> {
    loop {
        let there = describe(client, table).await?;
        let is_active = there.is_some_and(|there| {
            let mut indexes = there.global_secondary_indexes().iter();
            there.table_status == Some(TableStatus::Active)
                && indexes.all(|index| index.index_status == Some(IndexStatus::Active))
        });
        if is_active {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Adds the missing indexes one by one, as CloudFormation does.
async fn add_indexes(
    client: &Client,
    table: &TableSpec,
    there: &TableDescription,
) -> Result<(), StartupError> {
    for index in list(table, "GlobalSecondaryIndexes") {
        let name = text(index, "IndexName");
        if there.global_secondary_indexes().iter().any(|it| it.index_name() == Some(name)) {
            continue;
        }
        let index = index_of(index)?;
        let create = CreateGlobalSecondaryIndexAction::builder()
            .index_name(index.index_name)
            .set_key_schema(Some(index.key_schema))
            .set_projection(index.projection)
            .build()?;
        let update = client.update_table().table_name(&table.name);
        let update = update.set_attribute_definitions(Some(attributes(table)?));
        let added = GlobalSecondaryIndexUpdate::builder().create(create).build();
        update.global_secondary_index_updates(added).send().await?;
        until_active(client, &table.name).await?;
    }
    Ok(())
}

fn list<'a>(table: &'a TableSpec, part: &str) -> impl Iterator<Item = &'a Value> {
    table.definition.get(part).and_then(Value::as_array).into_iter().flatten()
}

fn attributes(table: &TableSpec) -> Result<Vec<AttributeDefinition>, StartupError> {
    let definition = |definition: &Value| {
        let definition = AttributeDefinition::builder()
            .attribute_name(text(definition, "AttributeName"))
            .attribute_type(ScalarAttributeType::from(text(definition, "AttributeType")));
        Ok(definition.build()?)
    };
    list(table, "AttributeDefinitions").map(definition).collect()
}

fn index_of(index: &Value) -> Result<GlobalSecondaryIndex, StartupError> {
    let projection = text(&index["Projection"], "ProjectionType");
    let included = index["Projection"]["NonKeyAttributes"].as_array();
    let included =
        included.map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    let projection = Projection::builder()
        .projection_type(ProjectionType::from(projection))
        .set_non_key_attributes(included)
        .build();
    let mut built =
        GlobalSecondaryIndex::builder().index_name(text(index, "IndexName")).projection(projection);
    for key in index["KeySchema"].as_array().into_iter().flatten() {
        built = built.key_schema(key_element(key)?);
    }
    Ok(built.build()?)
}

async fn create(client: &Client, table: &TableSpec) -> Result<(), StartupError> {
    let mut create = client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes(table)?));
    for key in list(table, "KeySchema") {
        create = create.key_schema(key_element(key)?);
    }
    for index in list(table, "GlobalSecondaryIndexes") {
        create = create.global_secondary_indexes(index_of(index)?);
    }
    match create.send().await {
        Ok(_) => Ok(()),
        // The SDK repeats a request whose answer is late: the first attempt made the table.
        Err(error)
            if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) =>
        {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
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
