//! Wiring of mtn-callback.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::http_function::Error> {
    shared::http_function::run::<mtn_callback::MtnCallback>().await
}
