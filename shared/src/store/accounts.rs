//! The `accounts` table: which caller holds which Mono account, and by what consent.
//!
//! Partition key `account_id`, sort key `tenant`: several callers may hold one account, and each
//! sees only its own row.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};
use serde_dynamo::{from_item, to_attribute_value};
use time::OffsetDateTime;

use super::{Claim, Sessions, StoreError, Tenant, text, transact};
use crate::config::{ConfigError, Vars};
use crate::mono::Provider;
use crate::world::iso;

/// The `accounts` table.
#[derive(Debug, Clone)]
pub struct Accounts {
    client: Client,
    table: String,
}

/// What the customer agreed to, in the caller's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentTerms {
    /// What the data is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Which data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The version of the policy the customer saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<String>,
}

/// A consent in force. Personal: it goes when it is withdrawn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Consent {
    /// What was agreed.
    #[serde(flatten)]
    pub terms: ConsentTerms,
    /// When the OTP session was turned into the account, ISO 8601.
    pub given_at: String,
    /// Where the OTP session was begun.
    pub source_ip: String,
    /// SHA-256 of the id of the OTP session that proves it.
    pub session: String,
}

/// One line of an account's history. Not personal: it stays when the consent is withdrawn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// When, ISO 8601.
    pub at: String,
    /// `linked`, `unlinking` or `unlinked`.
    pub event: String,
    /// What was agreed, when linked.
    #[serde(flatten)]
    pub terms: ConsentTerms,
    /// SHA-256 of the id of the OTP session, when linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// Where an account stands for one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountState {
    /// Consented: data may be read.
    Linked,
    /// Withdrawn and erased here; Mono has not confirmed yet.
    Unlinking,
    /// Withdrawn and erased everywhere: a tombstone.
    Unlinked,
}

impl AccountState {
    fn name(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Unlinking => "unlinking",
            Self::Unlinked => "unlinked",
        }
    }
}

/// An account of one caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// Mono's account id.
    pub account_id: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// Where it stands.
    pub state: AccountState,
    /// The network.
    pub provider: Provider,
    /// The number, `0803…`; gone when unlinked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The consent in force; gone when unlinked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// All that happened, oldest first.
    #[serde(default)]
    pub history: Vec<HistoryEvent>,
}

/// How linking an account ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Link {
    /// The account is the caller's and the code is used up.
    Linked,
    /// Another exchange took the claim over.
    ClaimLost,
}

impl Accounts {
    /// The table named by `ACCOUNTS_TABLE`.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing.
    pub fn from_vars(vars: &Vars, dynamodb: &Client) -> Result<Self, ConfigError> {
        let table = vars.required("ACCOUNTS_TABLE")?.to_owned();
        Ok(Self { client: dynamodb.clone(), table })
    }

    /// A caller's account, in whatever state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, tenant: &Tenant, id: &str) -> Result<Option<Account>, StoreError> {
        if !crate::mono::is_account_id(id) {
            return Ok(None);
        }
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let get = get.key("account_id", text(id)).key("tenant", text(tenant.as_str()));
        let answer = get.send().await.map_err(StoreError::of)?;
        Ok(answer.item.map(from_item).transpose()?)
    }

    /// Writes the account and uses up its code, both or neither. Linking again after an unlink
    /// replaces the tombstone and keeps its history.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be written.
    pub async fn link(
        &self,
        sessions: &Sessions,
        claim: &Claim,
        account_id: &str,
        now: OffsetDateTime,
    ) -> Result<Link, StoreError> {
        let code = &claim.code;
        let consent = Consent {
            terms: code.consent.clone(),
            given_at: iso(now),
            source_ip: code.source_ip.clone().unwrap_or_default(),
            session: code.session.clone(),
        };
        let event = HistoryEvent {
            at: iso(now),
            event: AccountState::Linked.name().to_owned(),
            terms: code.consent.clone(),
            session: Some(code.session.clone()),
        };
        let link = Update::builder()
            .table_name(&self.table)
            .key("account_id", text(account_id))
            .key("tenant", text(code.tenant.as_str()))
            .update_expression(
                "SET #state = :linked, provider = :provider, phone = :phone, consent = :consent, \
                 history = list_append(if_not_exists(history, :none), :event)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":linked", text(AccountState::Linked.name()))
            .expression_attribute_values(":provider", text(code.provider.name()))
            .expression_attribute_values(":phone", text(code.phone.clone().unwrap_or_default()))
            .expression_attribute_values(":consent", to_attribute_value(consent)?)
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":event", to_attribute_value(vec![event])?)
            .build()
            .map_err(|error| StoreError(error.to_string()))?;
        let items = vec![
            TransactWriteItem::builder().update(link).build(),
            sessions.exchanged(claim, account_id)?,
        ];
        let written = transact(&self.client, items).await?;
        Ok(if written { Link::Linked } else { Link::ClaimLost })
    }

    /// Withdraws a caller's access and erases what is personal. Only a linked account changes;
    /// `Ok(false)` when it was not linked.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be written.
    pub async fn begin_unlink(
        &self,
        tenant: &Tenant,
        id: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let (from, to) = (AccountState::Linked, AccountState::Unlinking);
        self.step(tenant, id, from, to, now).await
    }

    /// Leaves the tombstone, once Mono has confirmed. `Ok(false)` when it was not unlinking.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be written.
    pub async fn finish_unlink(
        &self,
        tenant: &Tenant,
        id: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let (from, to) = (AccountState::Unlinking, AccountState::Unlinked);
        self.step(tenant, id, from, to, now).await
    }

    async fn step(
        &self,
        tenant: &Tenant,
        id: &str,
        from: AccountState,
        to: AccountState,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let event = HistoryEvent {
            at: iso(now),
            event: to.name().to_owned(),
            terms: ConsentTerms::default(),
            session: None,
        };
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("account_id", text(id))
            .key("tenant", text(tenant.as_str()))
            .update_expression(
                "SET #state = :to, history = list_append(history, :event) REMOVE phone, consent",
            )
            .condition_expression("#state = :from")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":from", text(from.name()))
            .expression_attribute_values(":to", text(to.name()))
            .expression_attribute_values(":event", to_attribute_value(vec![event])?);
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(StoreError::of(error)),
            },
        }
    }

    /// Whether any caller still holds the account by a consent in force.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_held(&self, id: &str) -> Result<bool, StoreError> {
        Ok(!self.in_states(id, &[AccountState::Linked]).await?.is_empty())
    }

    /// The callers of whom anything but a tombstone is left. By the account alone: it is for what
    /// Mono reports of the account, and serves no caller.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn holders(&self, id: &str) -> Result<Vec<Tenant>, StoreError> {
        self.in_states(id, &[AccountState::Linked, AccountState::Unlinking]).await
    }

    async fn in_states(
        &self,
        id: &str,
        states: &[AccountState],
    ) -> Result<Vec<Tenant>, StoreError> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("account_id = :id")
            .projection_expression("tenant")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":id", text(id));
        let mut names = Vec::new();
        for (index, state) in states.iter().enumerate() {
            let name = format!(":state{index}");
            query = query.expression_attribute_values(&name, text(state.name()));
            names.push(name);
        }
        let query = query.filter_expression(format!("#state IN ({})", names.join(", ")));
        let mut pages = query.into_paginator().send();
        let mut tenants = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.map_err(StoreError::of)?.items.unwrap_or_default() {
                let Holder { tenant } = from_item(item)?;
                tenants.push(tenant);
            }
        }
        Ok(tenants)
    }
}

#[derive(Deserialize)]
struct Holder {
    tenant: Tenant,
}
