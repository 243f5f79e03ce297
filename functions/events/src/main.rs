//! The `events` function's binary.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::http_function::Error> {
    shared::lambda::http_function::run::<events::EventsFunction>().await
}
