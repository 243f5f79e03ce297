//! Lists the gateway's functions by their names in the template.

use std::sync::Arc;

use authorizer::Authorizer;

use crate::aws::lambda::{
    Registry, StartFunction, http, json, parse, queue, scheduled, start_with,
};

/// All functions of the workspace. The sandbox does not start if the template has another one.
pub fn registry() -> Registry {
    let authorizer = start_with(Authorizer::new, |authorizer: Arc<Authorizer>, input| async move {
        let decision = authorizer.decide(parse(&input.event)?).await;
        json(&decision.map_err(|error| error.to_string())?)
    });
    let functions: [(&str, StartFunction); 16] = [
        ("authorizer", authorizer),
        ("auth", http::<auth::Auth>()),
        ("verify", http::<verify::Verify>()),
        ("exchange", http::<exchange::Exchange>()),
        ("books", scheduled::<books::BooksFunction>()),
        ("consent", http::<consent::ConsentFunction>()),
        ("events", http::<events::EventsFunction>()),
        ("fetch-data", http::<fetch_data::FetchData>()),
        ("notify", queue::<notify::Notify>()),
        ("purchase", http::<purchase::PurchaseFunction>()),
        ("reconcile", scheduled::<reconcile::Reconcile>()),
        ("requery", queue::<requery::Requery>()),
        ("send-webhook", queue::<send_webhook::SendWebhook>()),
        ("webhook-endpoints", http::<webhook_endpoints::WebhookEndpoints>()),
        ("mtn-callback", http::<mtn_callback::MtnCallback>()),
        ("vtpass-callback", http::<vtpass_callback::VtpassCallback>()),
    ];
    functions.into_iter().map(|(name, build)| (name.to_owned(), build)).collect()
}

/// The packages whose log lines are written from `INFO` on.
pub fn logged_packages() -> impl Iterator<Item = String> {
    registry().into_keys().chain(["sandbox".to_owned()])
}
