//! The `webhook-endpoints` function's binary.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::http_function::Error> {
    shared::lambda::http_function::run::<webhook_endpoints::WebhookEndpoints>().await
}
