//! The gateway's functions, by their names in the template.

use std::sync::Arc;

use authorizer::Authorizer;

use crate::lambda::{Build, Registry, http, queue, typed};

/// Every function of the workspace. A function in the template that is not here stops the sandbox.
pub fn registry() -> Registry {
    let functions: [(&str, Build); 9] = [
        ("authorizer", typed(Authorizer::new, decide)),
        ("auth", http::<auth::Auth>()),
        ("verify", http::<verify::Verify>()),
        ("exchange", http::<exchange::Exchange>()),
        ("fetch-data", http::<fetch_data::FetchData>()),
        ("purchase", http::<purchase::PurchaseFunction>()),
        ("requery", queue::<requery::Requery>()),
        ("mtn-callback", http::<mtn_callback::MtnCallback>()),
        ("vtpass-callback", http::<vtpass_callback::VtpassCallback>()),
    ];
    functions.into_iter().map(|(name, build)| (name.to_owned(), build)).collect()
}

async fn decide(
    authorizer: Arc<Authorizer>,
    event: authorizer::Event,
) -> Result<authorizer::Decision, shared::store::StoreError> {
    authorizer.decide(event).await
}
