//! Wiring of vtpass-callback.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::http_function::Error> {
    shared::http_function::run::<vtpass_callback::VtpassCallback>().await
}
