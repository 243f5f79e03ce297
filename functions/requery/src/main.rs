//! Wiring of requery.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::queue_function::Error> {
    shared::queue_function::run::<requery::Requery>().await
}
