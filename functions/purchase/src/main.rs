//! Wiring of purchase.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::http_function::Error> {
    shared::http_function::run::<purchase::PurchaseFunction>().await
}
