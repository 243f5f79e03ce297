//! The `notify` function's binary.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::queue_function::Error> {
    shared::lambda::queue_function::run::<notify::Notify>().await
}
